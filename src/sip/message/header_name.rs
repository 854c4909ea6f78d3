//! Header field names, compact forms included (RFC 3261 §7.3.3).

use std::fmt;
use std::hash::{Hash, Hasher};

macro_rules! names {
    ($($variant:ident $canonical:literal $lower:literal $($compact:literal)?),* $(,)?) => {
        /// The name of a header field; comparison ignores case and the compact form is the same name.
        #[derive(Debug, Clone)]
        pub enum HeaderName {
            $(#[doc = $canonical] $variant,)*
            /// A name this module does not know, as written.
            Other(String),
        }

        impl HeaderName {
            /// The canonical spelling: the long form for known names, what was written for others.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $canonical,)*
                    Self::Other(name) => name,
                }
            }

            fn known(lower: &[u8]) -> Option<Self> {
                match lower {
                    $($lower $(| $compact)? => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        #[cfg(test)]
        pub(crate) const KNOWN: &[(HeaderName, &str, &[u8])] = &[$((HeaderName::$variant, $canonical, $lower)),*];
    };
}

names! {
    Accept "Accept" b"accept",
    AcceptContact "Accept-Contact" b"accept-contact" b"a",
    AcceptEncoding "Accept-Encoding" b"accept-encoding",
    AcceptLanguage "Accept-Language" b"accept-language",
    AlertInfo "Alert-Info" b"alert-info",
    Allow "Allow" b"allow",
    AllowEvents "Allow-Events" b"allow-events" b"u",
    AuthenticationInfo "Authentication-Info" b"authentication-info",
    Authorization "Authorization" b"authorization",
    CallId "Call-ID" b"call-id" b"i",
    CallInfo "Call-Info" b"call-info",
    Contact "Contact" b"contact" b"m",
    ContentDisposition "Content-Disposition" b"content-disposition",
    ContentEncoding "Content-Encoding" b"content-encoding" b"e",
    ContentLanguage "Content-Language" b"content-language",
    ContentLength "Content-Length" b"content-length" b"l",
    ContentType "Content-Type" b"content-type" b"c",
    CSeq "CSeq" b"cseq",
    Date "Date" b"date",
    Diversion "Diversion" b"diversion",
    ErrorInfo "Error-Info" b"error-info",
    Event "Event" b"event" b"o",
    Expires "Expires" b"expires",
    From "From" b"from" b"f",
    HistoryInfo "History-Info" b"history-info",
    InReplyTo "In-Reply-To" b"in-reply-to",
    MaxForwards "Max-Forwards" b"max-forwards",
    MimeVersion "MIME-Version" b"mime-version",
    MinExpires "Min-Expires" b"min-expires",
    MinSe "Min-SE" b"min-se",
    Organization "Organization" b"organization",
    PAssertedIdentity "P-Asserted-Identity" b"p-asserted-identity",
    PCalledPartyId "P-Called-Party-ID" b"p-called-party-id",
    PEarlyMedia "P-Early-Media" b"p-early-media",
    PPreferredIdentity "P-Preferred-Identity" b"p-preferred-identity",
    Path "Path" b"path",
    Priority "Priority" b"priority",
    Privacy "Privacy" b"privacy",
    ProxyAuthenticate "Proxy-Authenticate" b"proxy-authenticate",
    ProxyAuthorization "Proxy-Authorization" b"proxy-authorization",
    ProxyRequire "Proxy-Require" b"proxy-require",
    RAck "RAck" b"rack",
    RSeq "RSeq" b"rseq",
    Reason "Reason" b"reason",
    RecordRoute "Record-Route" b"record-route",
    ReferSub "Refer-Sub" b"refer-sub",
    ReferTo "Refer-To" b"refer-to" b"r",
    ReferredBy "Referred-By" b"referred-by" b"b",
    RemotePartyId "Remote-Party-ID" b"remote-party-id",
    Replaces "Replaces" b"replaces",
    ReplyTo "Reply-To" b"reply-to",
    Require "Require" b"require",
    RetryAfter "Retry-After" b"retry-after",
    Route "Route" b"route",
    Server "Server" b"server",
    ServiceRoute "Service-Route" b"service-route",
    SessionExpires "Session-Expires" b"session-expires" b"x",
    Subject "Subject" b"subject" b"s",
    SubscriptionState "Subscription-State" b"subscription-state",
    Supported "Supported" b"supported" b"k",
    Timestamp "Timestamp" b"timestamp",
    To "To" b"to" b"t",
    Unsupported "Unsupported" b"unsupported",
    UserAgent "User-Agent" b"user-agent",
    Via "Via" b"via" b"v",
    Warning "Warning" b"warning",
    WwwAuthenticate "WWW-Authenticate" b"www-authenticate",
}

/// The longest known name fits in this many bytes.
const LONGEST: usize = 24;

impl HeaderName {
    /// Takes a header name in long or compact form; `None` when it is not a token (RFC 3261 §25.1).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut lower = [0_u8; LONGEST];
        if let Some(lower) = lower.get_mut(..text.len()) {
            lower.copy_from_slice(text);
            lower.make_ascii_lowercase();
            if let Some(name) = Self::known(lower) {
                return Some(name);
            }
        }
        if !super::scan::is_token(text) {
            return None;
        }
        std::str::from_utf8(text).ok().map(|name| Self::Other(name.to_owned()))
    }

    /// A name by its text, for names this module does not know (`X-Exotel-CallSid`).
    ///
    /// Bytes that no name may have are left out, so that a name can never break a message apart.
    pub fn from_text(text: &str) -> Self {
        Self::parse(text.as_bytes()).unwrap_or_else(|| {
            Self::Other(text.chars().filter(|c| c.is_ascii() && super::scan::is_token_byte(*c as u8)).collect())
        })
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(a), Self::Other(b)) => a.eq_ignore_ascii_case(b),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Eq for HeaderName {}

impl Hash for HeaderName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        if let Self::Other(name) = self {
            name.to_ascii_lowercase().hash(state);
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
