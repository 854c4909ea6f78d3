//! The business of the demo.

use crate::domain::{
    AgentProfile, DayHours, Faq, Knowledge, Price, PriceRange, ProfileId, Service, Transfers, TurnSettings, WeeklyHours,
};

/// "Sharma Dental Clinic", Monday to Saturday from ten to seven, closed on Sunday.
///
/// The identifier is fixed, so that a restart finds the same profile.
pub fn demo_profile() -> AgentProfile {
    let day = vec![DayHours { opens_min: 10 * 60, closes_min: 19 * 60 }];
    AgentProfile {
        id: ProfileId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002)),
        business_name: "Sharma Dental Clinic".into(),
        visit_word: "appointment".into(),
        greeting: None,
        record_calls: true,
        hours: WeeklyHours([day.clone(), day.clone(), day.clone(), day.clone(), day.clone(), day, Vec::new()]),
        address: "12, M G Road, Bengaluru".into(),
        landmark: Some("opposite the metro station".into()),
        time_zone: "Asia/Kolkata".into(),
        voice: "en_US-joe-medium".into(),
        turns: TurnSettings::default(),
        transfers: Transfers::default(),
        emergency_transfers_only: false,
        ask: Vec::new(),
        speech: crate::domain::SpeechChoice::default(),
        knowledge: knowledge(),
    }
}

fn knowledge() -> Knowledge {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let service = |name: &str, also: &[&str], price, minutes| Service {
        name: name.into(),
        also: texts(also),
        price: Some(price),
        minutes: Some(minutes),
    };
    let faq = |question: &str, also: &[&str], answer: &str| Faq {
        question: question.into(),
        also: texts(also),
        answer: answer.into(),
    };
    let range = |from, to| Price::Range(PriceRange { from, to });
    Knowledge {
        services: vec![
            service("a consultation", &["checkup", "check up", "consulting the doctor"], Price::Fixed(300), 15),
            service("teeth cleaning", &["cleaning", "scaling", "polishing"], Price::Fixed(800), 30),
            service("a filling", &["cavity filling"], range(600, Some(1_500)), 30),
            service("a root canal", &["root canal treatment", "RCT"], range(3_500, Some(6_000)), 60),
            service("a crown", &["dental crown", "cap"], range(4_000, None), 45),
            service(
                "tooth extraction",
                &["extraction", "removing a tooth", "wisdom tooth"],
                range(500, Some(2_500)),
                30,
            ),
            service("teeth whitening", &["whitening", "bleaching"], Price::Fixed(5_000), 60),
        ],
        faqs: vec![
            faq(
                "Do you accept credit cards?",
                &["Can I pay by card?", "Can I pay online?", "Do you take UPI or Google Pay?", "How can I pay?"],
                "Yes, you can pay in cash, by card, or by UPI.",
            ),
            faq(
                "Is there parking?",
                &["Where can I park my car?", "Do you have parking space?"],
                "Yes, there is free parking in front of the clinic.",
            ),
            faq(
                "Do you treat children?",
                &["Do you see kids?", "Is there a dentist for my child?"],
                "Yes, we treat children of all ages.",
            ),
            faq(
                "Can I come without an appointment?",
                &["Can I walk in?", "Is an appointment necessary?", "Do I need an appointment?"],
                "You can walk in, but with an appointment you will not have to wait.",
            ),
        ],
        holidays: Vec::new(),
    }
}
