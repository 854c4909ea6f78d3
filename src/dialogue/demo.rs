//! The business of the demo.

use crate::domain::{AgentProfile, DayHours, ProfileId, Transfers, TurnSettings, WeeklyHours};

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
    }
}
