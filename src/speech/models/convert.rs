//! Whisper weights: from CTranslate2's `model.bin` to the ggml file that whisper.cpp reads.
//!
//! Both layouts are little-endian. CTranslate2 stacks query, key and value of self-attention in one matrix; ggml (with
//! OpenAI's names) keeps them apart.

use std::collections::HashMap;
use std::io::{self, Write};

use half::f16;

use super::manifest::Weights;

/// Why a file could not be converted; the text says what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The input is not what the converter knows.
    #[error("not a CTranslate2 Whisper model: {0}")]
    Format(String),
    /// The output could not be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

fn bad(reason: impl Into<String>) -> ConvertError {
    ConvertError::Format(reason.into())
}

/// Writes `model` (the bytes of `model.bin`) and `vocabulary` (one token a line) as a ggml file.
pub fn whisper_to_ggml(
    model: &[u8],
    vocabulary: &str,
    weights: Weights,
    out: &mut dyn Write,
) -> Result<(), ConvertError> {
    let source = Source::parse(model)?;
    let tokens = text_tokens(vocabulary)?;
    let shape = source.dimensions()?;
    write_header(&shape, weights, out)?;
    write_mel_filters(shape.mels, out)?;
    write_i32(out, tokens.len())?;
    for token in &tokens {
        write_i32(out, token.len())?;
        out.write_all(token)?;
    }
    let mut writer = TensorWriter { source: &source, weights, out };
    writer.encoder(&shape)?;
    writer.decoder(&shape)
}

/// One variable of the source: 16-bit floats, or the small integers that hold settings.
struct Variable<'a> {
    shape: Vec<usize>,
    kind: u8,
    data: &'a [u8],
}

const KIND_I16: u8 = 2;
const KIND_F16: u8 = 4;

struct Source<'a>(HashMap<String, Variable<'a>>);

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ConvertError> {
        let (head, tail) = self.0.split_at_checked(length).ok_or_else(|| bad("it ends in the middle"))?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ConvertError> {
        Ok(self.take(N)?.try_into().expect("invariant: take returned N bytes"))
    }

    fn u32(&mut self) -> Result<usize, ConvertError> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn string(&mut self) -> Result<String, ConvertError> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let bytes = self.take(length)?;
        let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
        String::from_utf8(text.to_vec()).map_err(|_| bad("a name is not UTF-8"))
    }
}

impl<'a> Source<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, ConvertError> {
        let mut cursor = Cursor(bytes);
        let version = cursor.u32()?;
        let spec = cursor.string()?;
        if version != 6 || spec != "WhisperSpec" {
            return Err(bad(format!("version {version} of `{spec}`, expected version 6 of `WhisperSpec`")));
        }
        let _revision = cursor.u32()?;
        let count = cursor.u32()?;
        let mut variables = HashMap::new();
        for _ in 0..count {
            let name = cursor.string()?;
            let [rank] = cursor.array()?;
            let shape = (0..rank).map(|_| cursor.u32()).collect::<Result<Vec<_>, _>>()?;
            let [kind] = cursor.array()?;
            let length = cursor.u32()?;
            let data = cursor.take(length)?;
            variables.insert(name, Variable { shape, kind, data });
        }
        Ok(Self(variables))
    }

    fn get(&self, name: &str) -> Result<&Variable<'a>, ConvertError> {
        self.0.get(name).ok_or_else(|| bad(format!("it has no `{name}`")))
    }

    fn half(&self, name: &str, rank: usize) -> Result<&Variable<'a>, ConvertError> {
        let variable = self.get(name)?;
        let elements: usize = variable.shape.iter().product();
        if variable.kind != KIND_F16 || variable.shape.len() != rank || variable.data.len() != 2 * elements {
            return Err(bad(format!("`{name}` is not a 16-bit float array of rank {rank}")));
        }
        Ok(variable)
    }

    fn slice(&self, from: &str, rank: usize, rows: Rows) -> Result<(Vec<usize>, &'a [u8]), ConvertError> {
        let variable = self.half(from, rank)?;
        if !variable.shape[0].is_multiple_of(rows.count) {
            return Err(bad(format!("`{from}` does not split into {} equal parts", rows.count)));
        }
        let mut shape = variable.shape.clone();
        shape[0] /= rows.count;
        let length = variable.data.len() / rows.count;
        Ok((shape, &variable.data[rows.index * length..][..length]))
    }

    fn setting(&self, name: &str) -> Result<usize, ConvertError> {
        let variable = self.get(name)?;
        match (variable.kind, variable.data) {
            (KIND_I16, &[low, high]) => Ok(usize::from(u16::from_le_bytes([low, high]))),
            _ => Err(bad(format!("`{name}` is not a 16-bit integer"))),
        }
    }

    fn layers(&self, side: &str) -> usize {
        (0..).take_while(|layer| self.0.contains_key(&format!("{side}/layer_{layer}/ffn/linear_0/weight"))).count()
    }

    fn dimensions(&self) -> Result<Dimensions, ConvertError> {
        let audio = &self.half("encoder/position_encodings/encodings", 2)?.shape;
        let text = &self.half("decoder/position_encodings/encodings", 2)?.shape;
        Ok(Dimensions {
            vocabulary: self.half("decoder/embeddings/weight", 2)?.shape[0],
            audio_context: audio[0],
            audio_state: audio[1],
            audio_heads: self.setting("encoder/num_heads")?,
            audio_layers: self.layers("encoder"),
            text_context: text[0],
            text_state: text[1],
            text_heads: self.setting("decoder/num_heads")?,
            text_layers: self.layers("decoder"),
            mels: self.half("encoder/conv1/weight", 3)?.shape[1],
        })
    }
}

struct Dimensions {
    vocabulary: usize,
    audio_context: usize,
    audio_state: usize,
    audio_heads: usize,
    audio_layers: usize,
    text_context: usize,
    text_state: usize,
    text_heads: usize,
    text_layers: usize,
    mels: usize,
}

fn write_i32(out: &mut dyn Write, value: usize) -> Result<(), ConvertError> {
    let value = i32::try_from(value).map_err(|_| bad("a dimension does not fit in 32 bits"))?;
    Ok(out.write_all(&value.to_le_bytes())?)
}

const GGML_MAGIC: usize = 0x6767_6d6c;
const GGML_F32: usize = 0;
const GGML_F16: usize = 1;
const GGML_Q8_0: usize = 8;

fn write_header(shape: &Dimensions, weights: Weights, out: &mut dyn Write) -> Result<(), ConvertError> {
    // 2007: quantisation format version 2, times 1000, plus "mostly q8_0".
    let file_type = match weights {
        Weights::F16 => 1,
        Weights::Q8_0 => 2007,
    };
    let numbers = [
        GGML_MAGIC,
        shape.vocabulary,
        shape.audio_context,
        shape.audio_state,
        shape.audio_heads,
        shape.audio_layers,
        shape.text_context,
        shape.text_state,
        shape.text_heads,
        shape.text_layers,
        shape.mels,
        file_type,
    ];
    numbers.into_iter().try_for_each(|number| write_i32(out, number))
}

/// Writes the mel filter bank: Slaney's scale and area normalisation, 16 kHz, a Fourier transform of 400 samples.
fn write_mel_filters(mels: usize, out: &mut dyn Write) -> Result<(), ConvertError> {
    const BINS: usize = 201;
    const BIN_HZ: f64 = 40.0;
    let top = hz_to_mel(8000.0);
    let edges: Vec<f64> = (0..mels + 2).map(|i| mel_to_hz(top * i as f64 / (mels + 1) as f64)).collect();
    write_i32(out, mels)?;
    write_i32(out, BINS)?;
    for edge in edges.windows(3) {
        let [low, centre, high] = [edge[0], edge[1], edge[2]];
        for bin in 0..BINS {
            let hz = bin as f64 * BIN_HZ;
            let rising = (hz - low) / (centre - low);
            let falling = (high - hz) / (high - centre);
            let weight = rising.min(falling).max(0.0) * 2.0 / (high - low);
            out.write_all(&(weight as f32).to_le_bytes())?;
        }
    }
    Ok(())
}

const LINEAR_HZ_PER_MEL: f64 = 200.0 / 3.0;
const LOG_FROM_MEL: f64 = 15.0;
const LOG_FROM_HZ: f64 = 1000.0;

fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn hz_to_mel(hz: f64) -> f64 {
    if hz < LOG_FROM_HZ { hz / LINEAR_HZ_PER_MEL } else { LOG_FROM_MEL + (hz / LOG_FROM_HZ).ln() / log_step() }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < LOG_FROM_MEL { mel * LINEAR_HZ_PER_MEL } else { LOG_FROM_HZ * (log_step() * (mel - LOG_FROM_MEL)).exp() }
}

/// The bytes of every ordinary token: the lines before `<|endoftext|>`, through GPT-2's byte alphabet.
fn text_tokens(vocabulary: &str) -> Result<Vec<Vec<u8>>, ConvertError> {
    let alphabet = byte_alphabet();
    let mut tokens = Vec::new();
    for line in vocabulary.split('\n') {
        if line == "<|endoftext|>" {
            return Ok(tokens);
        }
        let bytes = line.chars().map(|letter| alphabet.get(&letter).copied()).collect::<Option<Vec<u8>>>();
        tokens.push(bytes.ok_or_else(|| bad(format!("token `{line}` is not in GPT-2's byte alphabet")))?);
    }
    Err(bad("the vocabulary has no `<|endoftext|>`"))
}

/// GPT-2 writes a printable byte as itself and the others, in order, as the characters from U+0100 on.
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut others = '\u{100}'..;
    (0..=255u8)
        .map(|byte| {
            if printable(byte) { (char::from(byte), byte) } else { (others.next().expect("invariant: endless"), byte) }
        })
        .collect()
}

struct TensorWriter<'a> {
    source: &'a Source<'a>,
    weights: Weights,
    out: &'a mut dyn Write,
}

/// The `index`-th of `count` equal groups of rows.
#[derive(Clone, Copy)]
struct Rows {
    index: usize,
    count: usize,
}

const ALL: Rows = Rows { index: 0, count: 1 };

impl TensorWriter<'_> {
    fn encoder(&mut self, shape: &Dimensions) -> Result<(), ConvertError> {
        self.floats("encoder.positional_embedding", "encoder/position_encodings/encodings", 2, ALL)?;
        for layer in ["conv1", "conv2"] {
            self.convolution(&format!("encoder.{layer}"), &format!("encoder/{layer}"))?;
        }
        for layer in 0..shape.audio_layers {
            let (to, from) = (format!("encoder.blocks.{layer}"), format!("encoder/layer_{layer}"));
            self.self_attention(&to, &from)?;
            self.feed_forward(&to, &from)?;
        }
        self.layer_norm("encoder.ln_post", "encoder/layer_norm")
    }

    fn decoder(&mut self, shape: &Dimensions) -> Result<(), ConvertError> {
        self.floats("decoder.positional_embedding", "decoder/position_encodings/encodings", 2, ALL)?;
        self.matrix("decoder.token_embedding.weight", "decoder/embeddings/weight", ALL)?;
        for layer in 0..shape.text_layers {
            let (to, from) = (format!("decoder.blocks.{layer}"), format!("decoder/layer_{layer}"));
            self.self_attention(&to, &from)?;
            self.cross_attention(&to, &from)?;
            self.feed_forward(&to, &from)?;
        }
        self.layer_norm("decoder.ln", "decoder/layer_norm")
    }

    fn self_attention(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        let from = format!("{from}/self_attention");
        self.layer_norm(&format!("{to}.attn_ln"), &format!("{from}/layer_norm"))?;
        let third = |index| Rows { index, count: 3 };
        self.linear(&format!("{to}.attn.query"), &format!("{from}/linear_0"), third(0))?;
        // Whisper's key has no bias; the stacked one holds zeros there.
        self.matrix(&format!("{to}.attn.key.weight"), &format!("{from}/linear_0/weight"), third(1))?;
        self.linear(&format!("{to}.attn.value"), &format!("{from}/linear_0"), third(2))?;
        self.linear(&format!("{to}.attn.out"), &format!("{from}/linear_1"), ALL)
    }

    fn cross_attention(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        let from = format!("{from}/attention");
        self.layer_norm(&format!("{to}.cross_attn_ln"), &format!("{from}/layer_norm"))?;
        let half = |index| Rows { index, count: 2 };
        self.linear(&format!("{to}.cross_attn.query"), &format!("{from}/linear_0"), ALL)?;
        self.matrix(&format!("{to}.cross_attn.key.weight"), &format!("{from}/linear_1/weight"), half(0))?;
        self.linear(&format!("{to}.cross_attn.value"), &format!("{from}/linear_1"), half(1))?;
        self.linear(&format!("{to}.cross_attn.out"), &format!("{from}/linear_2"), ALL)
    }

    fn feed_forward(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        self.layer_norm(&format!("{to}.mlp_ln"), &format!("{from}/ffn/layer_norm"))?;
        self.linear(&format!("{to}.mlp.0"), &format!("{from}/ffn/linear_0"), ALL)?;
        self.linear(&format!("{to}.mlp.2"), &format!("{from}/ffn/linear_1"), ALL)
    }

    fn layer_norm(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        self.floats(&format!("{to}.weight"), &format!("{from}/gamma"), 1, ALL)?;
        self.floats(&format!("{to}.bias"), &format!("{from}/beta"), 1, ALL)
    }

    fn linear(&mut self, to: &str, from: &str, rows: Rows) -> Result<(), ConvertError> {
        self.matrix(&format!("{to}.weight"), &format!("{from}/weight"), rows)?;
        self.floats(&format!("{to}.bias"), &format!("{from}/bias"), 1, rows)
    }

    /// A convolution stays in 16 bits even in a quantised file: ggml's convolution takes nothing smaller.
    fn convolution(&mut self, to: &str, from: &str) -> Result<(), ConvertError> {
        let weight = self.source.half(&format!("{from}/weight"), 3)?;
        self.tensor_header(&format!("{to}.weight"), GGML_F16, &weight.shape)?;
        self.out.write_all(weight.data)?;
        let bias = self.source.half(&format!("{from}/bias"), 1)?;
        // The bias is added along time, so ggml wants it as a column.
        self.tensor_header(&format!("{to}.bias"), GGML_F32, &[bias.shape[0], 1])?;
        self.write_floats(bias.data)
    }

    fn floats(&mut self, to: &str, from: &str, rank: usize, rows: Rows) -> Result<(), ConvertError> {
        let (shape, data) = self.source.slice(from, rank, rows)?;
        self.tensor_header(to, GGML_F32, &shape)?;
        self.write_floats(data)
    }

    fn matrix(&mut self, to: &str, from: &str, rows: Rows) -> Result<(), ConvertError> {
        let (shape, data) = self.source.slice(from, 2, rows)?;
        match self.weights {
            Weights::F16 => {
                self.tensor_header(to, GGML_F16, &shape)?;
                Ok(self.out.write_all(data)?)
            }
            Weights::Q8_0 => {
                if !shape[1].is_multiple_of(Q8_BLOCK) {
                    return Err(bad(format!("rows of `{from}` are not a multiple of {Q8_BLOCK} long")));
                }
                self.tensor_header(to, GGML_Q8_0, &shape)?;
                data.chunks_exact(2 * Q8_BLOCK).try_for_each(|block| Ok(self.out.write_all(&quantise_q8_0(block))?))
            }
        }
    }

    /// ggml lists dimensions fastest first, the reverse of everybody else.
    fn tensor_header(&mut self, name: &str, kind: usize, shape: &[usize]) -> Result<(), ConvertError> {
        for number in [shape.len(), name.len(), kind] {
            write_i32(self.out, number)?;
        }
        for &dimension in shape.iter().rev() {
            write_i32(self.out, dimension)?;
        }
        Ok(self.out.write_all(name.as_bytes())?)
    }

    fn write_floats(&mut self, data: &[u8]) -> Result<(), ConvertError> {
        Ok(halves(data).try_for_each(|value| self.out.write_all(&value.to_le_bytes()))?)
    }
}

const Q8_BLOCK: usize = 32;

fn halves(data: &[u8]) -> impl Iterator<Item = f32> {
    data.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]]).to_f32())
}

/// One ggml `q8_0` block: a 16-bit scale, then 32 signed bytes.
fn quantise_q8_0(block: &[u8]) -> [u8; 2 + Q8_BLOCK] {
    let largest = halves(block).fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let mut out = [0; 2 + Q8_BLOCK];
    out[..2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
    for (byte, value) in out[2..].iter_mut().zip(halves(block)) {
        *byte = ((value * inverse).round() as i8).cast_unsigned();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_alphabet_maps_the_space_and_keeps_letters() {
        let alphabet = byte_alphabet();
        assert_eq!(alphabet.len(), 256);
        assert_eq!(alphabet[&'Ġ'], b' ');
        assert_eq!(alphabet[&'Ċ'], b'\n');
        assert_eq!(alphabet[&'a'], b'a');
    }

    #[test]
    fn a_quantised_block_is_within_half_a_step() {
        let values: Vec<f32> = (0..32).map(|i| (i as f32 - 15.0) / 7.0).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect();
        let block = quantise_q8_0(&bytes);
        let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
        for (byte, value) in block[2..].iter().zip(&values) {
            let back = f32::from(byte.cast_signed()) * scale;
            assert!((back - value).abs() <= scale * 0.6, "{back} for {value}");
        }
        assert_eq!(quantise_q8_0(&[0; 64]), [0; 34]);
    }

    #[test]
    fn mel_filters_have_unit_area_over_their_band() {
        let mut bytes = Vec::new();
        write_mel_filters(80, &mut bytes).unwrap();
        assert_eq!(bytes.len(), 8 + 80 * 201 * 4);
        let value =
            |row: usize, bin: usize| f32::from_le_bytes(bytes[8 + (row * 201 + bin) * 4..][..4].try_into().unwrap());
        // OpenAI's published filter bank begins 0, 0.02486259.
        assert_eq!(value(0, 0), 0.0);
        assert!((value(0, 1) - 0.024_862_59).abs() < 1e-7, "{}", value(0, 1));
        let area: f32 = (0..201).map(|bin| value(79, bin) * 40.0).sum();
        assert!((area - 1.0).abs() < 0.02, "{area}");
    }

    #[test]
    fn damaged_input_is_refused_with_a_reason() {
        for (bytes, reason) in [(&b""[..], "ends in the middle"), (&[6, 0, 0, 0, 2, 0, b'X', 0, 3, 0, 0, 0][..], "`X`")]
        {
            let error = whisper_to_ggml(bytes, "<|endoftext|>", Weights::F16, &mut Vec::new()).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert!(text_tokens("a\nb").is_err());
    }
}
