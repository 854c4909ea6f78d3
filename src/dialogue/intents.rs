//! What a caller wants, by phrases. The rules are ordered: what must not be missed comes first.

use super::hours::{self, When};
use super::text;
use super::yes_no::yes_no;
use crate::domain::AgentProfile;

/// Whether any of the phrases, parted by `|`, occurs.
fn says_any(plain: &str, phrases: &str) -> bool {
    phrases.split('|').any(|phrase| text::says(plain, phrase))
}

/// Why the caller's details are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Message,
    Appointment,
    /// A message to a person who was asked for, or in an emergency.
    Urgent,
}

/// What one turn of the caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Emergency,
    WrongNumber,
    Repeat,
    /// "One minute": wait.
    Hold,
    WhoAreYou,
    /// Another language than English.
    Language,
    Person,
    Appointment,
    /// About an appointment that exists: cancel, move, confirm.
    ChangeAppointment,
    Message,
    /// A message that is said to be urgent.
    UrgentMessage,
    Hours(When),
    Address,
    /// A question that the profile does not answer.
    Question,
    Goodbye,
    /// "Thank you" and no more: a goodbye where nothing was asked.
    Thanks,
    /// "Nothing", "never mind", "no thanks".
    NothingMore,
    /// "Hello" and no more.
    Hello,
    Yes,
    No,
    Unclear,
}

const EMERGENCY: &str = "emergency|ambulance|accident|heart attack|unconscious|cant breathe|cannot breathe|not breathing|\
    unable to breathe|bleeding badly|bleeding a lot|bleeding heavily|heavy bleeding|bleeding is not stopping|\
    wont stop bleeding|not stopping bleeding|poison|is dying|chest pain|stroke|collapsed|fainted";

const PERSON: &str = "talk to|talk with|speak to|speak with|connect me|connect to|connect the call|put me through|transfer|\
    human being|a human|real person|human|manager|owner|operator|representative|actual person|some person|\
    a person|customer care|someone else|is doctor there|is the doctor there|is doctor sahab there|\
    doctor sahab hai|doctor se baat|baat karni|baat karna|is doctor in|is the doctor in|is doctor available|\
    is the doctor available|give the phone to|call the doctor|speak directly|talk directly";

const APPOINTMENT: &str = "possible to come|aana chahta|aana chahti|aana hai|dikhana hai|appointment|appointments|appoinment|apointment|appointmnt|booking|book|a slot|slot|slots|checkup|check up|\
    consultation|consult|reservation|reserve|schedule|see the doctor|see doctor|see a doctor|see the dentist|\
    see a dentist|meet the doctor|meet doctor|show to doctor|show to the doctor|visit the doctor|\
    visit the clinic|want to come|can i come|like to come|come and see|come for|get it checked|get checked|\
    fix a time|fix time";

/// What is wrong or wanted, in words of the trades we answer for: people say it instead of "appointment".
const TROUBLE: &str = "toothache|tooth ache|tooth pain|teeth pain|pain|paining|hurting|hurts|swelling|cavity|root canal|cleaning|\
    filling|braces|extraction|wisdom tooth|implant|haircut|facial|servicing|fever|broken tooth|whitening";

const MESSAGE: &str = "message|tell him|tell her|tell them|tell the doctor|tell doctor|tell sir|tell madam|let him know|\
    let her know|let them know|inform|convey|pass on|call me back|call back|callback|call me|ask him to|\
    ask her to|ask them to|ask the doctor|ask doctor|note down|calling about|calling regarding|call regarding|\
    do the needful|complaint|complain|feedback";

const HOURS: &str = "timing|timings|opening hours|working hours|business hours|office hours|clinic hours|your hours|the hours|\
    are you open|you open|you close|you closed|you are open|is it open|it open|clinic open|clinic close|\
    clinic closed|shop open|shop close|shop closed|open on|open today|open tomorrow|open now|closed on|\
    closed today|closed tomorrow|closing time|opening time|till what time|until what time|how late|what days|\
    which days|open hai|khula hai|kitne baje|kab khulta|holiday|still open|open in the|working on|working today|\
    working tomorrow";

const PRICE: &str = "how much|price|prices|cost|costs|charge|charges|fees|fee|rate|rates|kitna";

const ADDRESS: &str = "address|where are you|where is the|wheres the|where is your|wheres your|where you are|location|located|how to reach|how do i reach|\
    how do i get|how can i reach|directions|direction|landmark|kahan hai|kaha hai|kidhar hai|which area|\
    which place|where exactly|route|parking";

const WHO: &str = "is this the|have i reached|have i called|who are you|who is this|whos this|who is that|who am i speaking|who am i talking|whom am i|robot|\
    are you human|are you a human|are you real|are you a real|are you a machine|is this a machine|\
    are you a person|is this a person|computer|are you ai|are you an ai|is this ai|is this an ai|a bot|\
    recorded message|is this a recording|what is your name|whats your name|your good name|am i speaking to|\
    am i talking to|who is speaking|whos speaking|kaun";

const REPEAT: &str = "repeat|say again|say that again|say it again|come again|pardon|beg your pardon|what did you say|didnt hear|\
    did not hear|didnt get|did not get|didnt catch|did not catch|didnt understand|did not understand|\
    couldnt hear|could not hear|cant hear|cannot hear|not clear|not audible|what was that|once more|\
    one more time|again please|phir se|kya bola|speak louder|louder|are you there|can you hear me|you there|\
    slowly please";

const HOLD: &str = "hold on|one minute|one min|one second|one sec|one moment|a minute|a second|a moment|ek minute|ek min|wait|\
    let me check|let me see|hang on|hold please|please hold";

const GOODBYE: &str = "bye|goodbye|good bye|bye bye|byebye|good night|see you|alvida|cut the call|hang up|thats all|thats it|\
    that is all|nothing else|i will call later|ill call later|call you later|call later";

const NOTHING: &str = "nothing|no thanks|no thank you|never mind|nevermind|forget it|leave it|not needed|no need|not interested|\
    kuch nahi|dont want anything|nothing more|its ok leave|dont bother";

const WRONG_NUMBER: &str = "wrong number|wrong no|dialed wrong|dialled wrong|dialed the wrong|dialled the wrong|by mistake|\
    called by mistake|wrong call|galat number|wrong place|not the number";

const UNRECORDED: &str = "dont record|do not record|not record|stop recording|stop the recording|stop record|without recording|\
    dont want recording|no recording|not be recorded|not to be recorded|dont want to be recorded|\
    do not want to be recorded|dont want this recorded|turn off recording|turn off the recording|\
    switch off recording|switch off the recording|off the recording|recording band|record mat|record nahi";

const LANGUAGE: &str = "speak hindi|speak in hindi|hindi mein|hindi me|hindi please|in hindi|talk in hindi|know hindi|kannada|tamil|\
    telugu|malayalam|marathi|bengali|gujarati|punjabi|hindi bolo|hindi aati|in urdu";

/// Whether the caller does not want the call to be recorded.
pub(super) fn refuses_recording(said: &str) -> bool {
    says_any(&text::plain(&text::words(said)), UNRECORDED)
}

/// Reads one turn; the profile gives the words for the business and for its appointments.
pub(super) fn intent(said: &str, profile: &AgentProfile) -> Intent {
    let words = text::words(said);
    let plain = text::plain(&words);
    let short = |limit: usize| words.iter().filter(|w| !text::is_filler(&w.norm)).count() <= limit;
    let content = words.iter().filter(|w| !text::is_filler(&w.norm)).count();
    let visit = text::says(&plain, &profile.visit_word.to_lowercase());
    let thanks = says_any(&plain, "thank you|thanks|thank u|dhanyavaad|shukriya");
    if says_any(&plain, EMERGENCY)
        && !says_any(&plain, "not an emergency|no emergency|not emergency|isnt an emergency|stroke of")
    {
        return Intent::Emergency;
    }
    if says_any(&plain, WRONG_NUMBER) {
        return Intent::WrongNumber;
    }
    if says_any(&plain, WHO) || asks_for_business(&plain, &profile.business_name) {
        return Intent::WhoAreYou;
    }
    if short(8) && says_any(&plain, REPEAT) || content <= 1 && says_any(&plain, "sorry|what|excuse me|kya|huh") {
        return Intent::Repeat;
    }
    if says_any(&plain, LANGUAGE) {
        return Intent::Language;
    }
    if short(5) && says_any(&plain, HOLD) {
        return Intent::Hold;
    }
    if short(6) && says_any(&plain, NOTHING) {
        return Intent::NothingMore;
    }
    if short(6) && says_any(&plain, GOODBYE) && !says_any(&plain, "call me") {
        return Intent::Goodbye;
    }
    if let Some(intent) = business(&plain, visit) {
        return intent;
    }
    if thanks && short(6) {
        return Intent::Thanks;
    }
    if content == 0 && says_any(&plain, "hello|hi|hey|namaste")
        || short(2) && says_any(&plain, "good morning|good afternoon|good evening")
    {
        return Intent::Hello;
    }
    if says_any(&plain, "need help|need some help|help me|ask something|some information|have a question|have a doubt")
    {
        return Intent::Yes;
    }
    match yes_no(said).filter(|_| short(4)) {
        Some(true) => Intent::Yes,
        Some(false) => Intent::No,
        None if is_question(&plain) && content >= 3 => Intent::Question,
        None => Intent::Unclear,
    }
}

/// "Is this Sharma Dental?"
fn asks_for_business(plain: &str, business_name: &str) -> bool {
    let first = text::words(business_name).into_iter().next().map(|word| word.norm);
    first
        .is_some_and(|name| ["is this", "is it", "is that"].iter().any(|is| text::says(plain, &format!("{is} {name}"))))
}

/// The wishes that are the business's own.
fn business(plain: &str, visit: bool) -> Option<Intent> {
    let exists = says_any(
        plain,
        "cancel|postpone|prepone|reschedule|rescheduled|change my|change the|shift my|shift the|move my|\
         move the|confirm my|about my appointment|regarding my appointment|have an appointment|\
         had an appointment|already have|my appointment",
    );
    let appointment = visit || says_any(plain, APPOINTMENT);
    let price = says_any(plain, PRICE) && is_question(plain);
    if price && !says_any(plain, "want|need|book|booking|fix") {
        return Some(Intent::Question);
    }
    if appointment && exists {
        return Some(Intent::ChangeAppointment);
    }
    let asks_hours = says_any(plain, HOURS) || doctor_on_a_day(plain);
    if appointment && (!asks_hours || says_any(plain, "want|need|appointment|book|booking")) {
        return Some(Intent::Appointment);
    }
    if asks_hours {
        return Some(Intent::Hours(hours::when(plain)));
    }
    if says_any(plain, "doctor|dentist")
        && says_any(plain, "when is|when will|when does|when the doctor|when doctor|what time")
    {
        return Some(Intent::Hours(hours::when(plain)));
    }
    if says_any(plain, PERSON) && !says_any(plain, "pass on a message|leave a message") {
        return Some(Intent::Person);
    }
    if says_any(plain, ADDRESS) && !says_any(plain, "my address|email address") {
        return Some(Intent::Address);
    }
    if says_any(plain, "urgent|urgently") {
        return Some(Intent::UrgentMessage);
    }
    if price || is_question(plain) && says_any(plain, "do you do|do you have|do you offer|do you provide|do you accept")
    {
        return Some(Intent::Question);
    }
    if says_any(plain, MESSAGE) {
        return Some(Intent::Message);
    }
    says_any(plain, TROUBLE).then_some(Intent::Appointment)
}

/// "Is doctor sahab available on Saturday?" is a question about hours; without a day it asks for the person.
fn doctor_on_a_day(plain: &str) -> bool {
    says_any(plain, "doctor|dentist|doctor sahab|sir|madam|anyone|you")
        && says_any(plain, "available|free|coming|sitting|come to clinic")
        && says_any(plain, "is|will|are|when|what time|wondering")
        && hours::when(plain) != When::Week
}

/// Whether a text in [`text::plain`] form asks something.
pub(super) fn is_question(plain: &str) -> bool {
    const STARTS: &[&str] = &[
        "what", "whats", "when", "where", "wheres", "which", "how", "why", "who", "do", "does", "can", "could", "is",
        "are", "will", "would", "may", "kya", "kitna", "kab",
    ];
    let first = plain.split_whitespace().find(|word| {
        !text::is_filler(word)
            && !matches!(*word, "and" | "but" | "yes" | "no" | "good" | "morning" | "evening" | "afternoon")
    });
    first.is_some_and(|word| STARTS.contains(&word))
        || says_any(
            plain,
            "want to know|like to know|tell me|how much|wanted to ask|want to ask|wanted to know|price of|cost of",
        )
}

/// Whether the caller does not want to give what was asked.
pub(super) fn is_refusal(said: &str) -> bool {
    let plain = text::plain(&text::words(said));
    says_any(
        &plain,
        "dont want to|do not want to|rather not|wont give|will not give|not giving|cant give|cannot give|\
         dont have|do not have|no number|no name|why do you need|why do you want|skip|not comfortable|\
         private|none of your|not necessary|dont know|do not know|no idea|not sure|cant say|cannot say|\
         no reason",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::demo_profile;

    #[test]
    fn what_callers_say() {
        use Intent::*;
        for (said, wanted) in [
            ("I want to fix an appointment.", Appointment),
            ("Kindly book one appointment for me", Appointment),
            ("can I come tomorrow at five", Appointment),
            ("Do you have a slot today?", Appointment),
            ("I have a severe toothache.", Appointment),
            ("I want to see doctor sahab", Appointment),
            ("I want to cancel my appointment", ChangeAppointment),
            ("please reschedule my appointment to Monday", ChangeAppointment),
            ("Where's the clinic?", Address),
            ("What is the timing?", Hours(When::Week)),
            ("timings please", Hours(When::Week)),
            ("Are you open on Sunday?", Hours(When::On(6))),
            ("When do you close today?", Hours(When::Ahead(0))),
            ("is the clinic open now", Hours(When::Now)),
            ("Is doctor sahab available on Saturday?", Hours(When::On(5))),
            ("Where are you located?", Address),
            ("clinic kahan hai", Address),
            ("Can I speak to the doctor?", Person),
            ("Is the doctor there?", Person),
            ("connect me to a real person", Person),
            ("This is an emergency", Emergency),
            ("it's not an emergency, I want to leave a message", Message),
            ("Please take a message.", Message),
            ("Ask him to call me back and do the needful", Message),
            ("It is very urgent", UrgentMessage),
            ("Sorry, wrong number.", WrongNumber),
            ("I think I dialled the wrong number", WrongNumber),
            ("Bye.", Goodbye),
            ("Thank you, bye bye.", Goodbye),
            ("Thank you.", Thanks),
            ("No, that's all, thank you.", Goodbye),
            ("Nothing.", NothingMore),
            ("no thanks", NothingMore),
            ("Sorry?", Repeat),
            ("Can you please repeat?", Repeat),
            ("I didn't get you", Repeat),
            ("What?", Repeat),
            ("Are you a robot?", WhoAreYou),
            ("Who am I speaking with?", WhoAreYou),
            ("Do you speak Hindi?", Language),
            ("One minute.", Hold),
            ("How much is a root canal?", Question),
            ("What are your consultation charges?", Question),
            ("Is this Sharma Dental Clinic?", WhoAreYou),
            ("I was wondering if the doctor is free tomorrow", Hours(When::Ahead(1))),
            ("When is the doctor available?", Hours(When::Week)),
            ("I need some help", Yes),
            ("Hello?", Hello),
            ("Good morning.", Hello),
            ("yes please", Yes),
            ("No.", No),
            ("Rahul Verma", Unclear),
            ("", Unclear),
        ] {
            assert_eq!(intent(said, &demo_profile()), wanted, "{said}");
        }
        let restaurant = AgentProfile { visit_word: "table".into(), ..demo_profile() };
        assert_eq!(intent("I need a table", &restaurant), Appointment);
    }

    #[test]
    fn a_wish_not_to_be_recorded() {
        for said in [
            "Please don't record me.",
            "I do not want to be recorded",
            "Stop the recording, please. I want an appointment.",
            "don't record this call",
            "recording band karo",
            "Can we do this without recording?",
        ] {
            assert!(refuses_recording(said), "{said}");
        }
        for said in ["Is this call recorded?", "Is this a recording?", "I lost my medical records", "record a message"]
        {
            assert!(!refuses_recording(said), "{said}");
        }
    }

    #[test]
    fn refusals() {
        assert!(is_refusal("I don't want to give my number") && is_refusal("skip that"));
        assert!(!is_refusal("98765 43210") && !is_refusal("Rahul"));
    }
}
