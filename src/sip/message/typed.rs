//! Typed reading of the headers this user agent acts on; each is read when asked for.

use super::scan::{decimal, find_outside, is_token, split_commas, trim};
use super::{HeaderError, HeaderName, HeaderValue, Headers, Method, NameAddr, Params, Via};

/// The CSeq header (RFC 3261 §20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// The sequence number; RFC 3261 §8.1.1.5 asks for less than 2^31, which [`super::validate`] checks.
    pub number: u32,
    /// The method.
    pub method: Method,
}

impl CSeq {
    /// A CSeq.
    pub fn new(number: u32, method: Method) -> Self {
        Self { number, method }
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let mut words = value.split(|b| matches!(b, b' ' | b'\t')).filter(|w| !w.is_empty());
        let number = decimal(words.next()?)?;
        let method = Method::from_token(std::str::from_utf8(words.next()?).ok()?)?;
        words.next().is_none().then_some(Self { number, method })
    }
}

impl From<&CSeq> for HeaderValue {
    fn from(cseq: &CSeq) -> Self {
        format!("{} {}", cseq.number, cseq.method).into()
    }
}

impl From<CSeq> for HeaderValue {
    fn from(cseq: CSeq) -> Self {
        Self::from(&cseq)
    }
}

/// A media type such as `application/sdp` (RFC 3261 §20.15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// `type/subtype` in lower case.
    pub essence: String,
    /// `boundary`, `charset` and the rest.
    pub params: Params,
}

impl MediaType {
    /// Whether the type is this one, `type/subtype` in any case.
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    fn parse(value: &[u8]) -> Result<Self, (usize, &'static str)> {
        let end = find_outside(value, b";").unwrap_or(value.len());
        let slash = value[..end].iter().position(|b| *b == b'/').ok_or((0, "no media type"))?;
        let (kind, subtype) = (trim(&value[..slash]), trim(&value[slash + 1..end]));
        if !is_token(kind) || !is_token(subtype) {
            return Err((0, "no media type"));
        }
        let params = Params::parse(&value[end..]).map_err(|at| (end + at, "a broken parameter"))?;
        let essence = [kind, b"/", subtype].concat().to_ascii_lowercase();
        Ok(Self { essence: String::from_utf8_lossy(&essence).into_owned(), params })
    }
}

/// Reading.
impl Headers {
    /// The first Via: where the response goes.
    ///
    /// # Errors
    /// [`HeaderError`] when it is missing or malformed.
    pub fn top_via(&self) -> Result<Via, HeaderError> {
        let value = self.required(HeaderName::Via)?;
        Via::parse(value.as_bytes()).map_err(|fault| HeaderError::malformed(HeaderName::Via, fault))
    }

    /// The From header.
    ///
    /// # Errors
    /// [`HeaderError`] when it is missing or malformed.
    pub fn from(&self) -> Result<NameAddr, HeaderError> {
        self.address(HeaderName::From)
    }

    /// The To header.
    ///
    /// # Errors
    /// [`HeaderError`] when it is missing or malformed.
    pub fn to(&self) -> Result<NameAddr, HeaderError> {
        self.address(HeaderName::To)
    }

    /// The Call-ID, one word (RFC 3261 §20.8).
    ///
    /// # Errors
    /// [`HeaderError`] when it is missing, empty, not text or more than one word.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        let value = self.required(HeaderName::CallId)?;
        let fault = (0, "no word");
        let text = value.as_str().ok_or(HeaderError::malformed(HeaderName::CallId, fault))?;
        if text.is_empty() || text.bytes().any(|b| b <= b' ' || b == 127) {
            return Err(HeaderError::malformed(HeaderName::CallId, fault));
        }
        Ok(text)
    }

    /// The CSeq; the number fits 32 bits, see [`super::validate`] for the stricter limit.
    ///
    /// # Errors
    /// [`HeaderError`] when it is missing or malformed.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        let value = self.required(HeaderName::CSeq)?;
        CSeq::parse(value.as_bytes())
            .ok_or_else(|| HeaderError::malformed(HeaderName::CSeq, (0, "no number and method")))
    }

    /// All Contacts in order; empty for `Contact: *`, see [`Headers::has_contact_star`].
    ///
    /// # Errors
    /// [`HeaderError`] when one is malformed.
    pub fn contacts(&self) -> Result<Vec<NameAddr>, HeaderError> {
        if self.has_contact_star() {
            return Ok(Vec::new());
        }
        self.addresses(HeaderName::Contact)
    }

    /// Whether a Contact is `*` (RFC 3261 §10.2.2).
    pub fn has_contact_star(&self) -> bool {
        self.get_all(HeaderName::Contact).any(|v| v.as_bytes() == b"*")
    }

    /// The Route set in order.
    ///
    /// # Errors
    /// [`HeaderError`] when one is malformed.
    pub fn routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.addresses(HeaderName::Route)
    }

    /// The Record-Route entries in the order of the message.
    ///
    /// # Errors
    /// [`HeaderError`] when one is malformed.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, HeaderError> {
        self.addresses(HeaderName::RecordRoute)
    }

    /// The addresses of any header that holds name-addr values (P-Asserted-Identity, Diversion, …), in order.
    ///
    /// # Errors
    /// [`HeaderError`] when one is malformed.
    pub fn addresses(&self, name: HeaderName) -> Result<Vec<NameAddr>, HeaderError> {
        let mut list = Vec::new();
        for value in self.get_all(&name) {
            for element in split_commas(value.as_bytes()) {
                list.push(NameAddr::parse(element).map_err(|f| HeaderError::malformed(name.clone(), f))?);
            }
        }
        Ok(list)
    }

    /// As [`Headers::addresses`], without those that are malformed.
    pub fn readable_addresses(&self, name: &HeaderName) -> Vec<NameAddr> {
        let elements = self.get_all(name).flat_map(|value| split_commas(value.as_bytes()));
        elements.filter_map(|element| NameAddr::parse(element).ok()).collect()
    }

    /// Max-Forwards, 0 to 255; `None` when it is not there.
    ///
    /// # Errors
    /// [`HeaderError`] when it is no number of that range.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        let Some(value) = self.get(HeaderName::MaxForwards) else { return Ok(None) };
        match decimal(value.as_bytes()).and_then(|n| u8::try_from(n).ok()) {
            Some(hops) => Ok(Some(hops)),
            None => Err(HeaderError::malformed(HeaderName::MaxForwards, (0, "no number up to 255"))),
        }
    }

    /// Content-Type; `None` when it is not there.
    ///
    /// # Errors
    /// [`HeaderError`] when it is no media type.
    pub fn content_type(&self) -> Result<Option<MediaType>, HeaderError> {
        let Some(value) = self.get(HeaderName::ContentType) else { return Ok(None) };
        let parsed = MediaType::parse(value.as_bytes());
        parsed.map(Some).map_err(|fault| HeaderError::malformed(HeaderName::ContentType, fault))
    }

    /// Expires in seconds; larger values read as 2^32-1.
    ///
    /// # Errors
    /// [`HeaderError`] when it is no number.
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.seconds(HeaderName::Expires)
    }

    /// Min-Expires in seconds.
    ///
    /// # Errors
    /// [`HeaderError`] when it is no number.
    pub fn min_expires(&self) -> Result<Option<u32>, HeaderError> {
        self.seconds(HeaderName::MinExpires)
    }

    /// Retry-After in seconds; comment and parameters are passed over (RFC 3261 §20.33).
    ///
    /// # Errors
    /// [`HeaderError`] when it does not begin with a number.
    pub fn retry_after(&self) -> Result<Option<u32>, HeaderError> {
        self.seconds(HeaderName::RetryAfter)
    }

    fn seconds(&self, name: HeaderName) -> Result<Option<u32>, HeaderError> {
        let Some(value) = self.get(&name) else { return Ok(None) };
        let bytes = value.as_bytes();
        let digits = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
        let rest = trim(&bytes[digits..]);
        if digits == 0 || !(rest.is_empty() || rest.starts_with(b";") || rest.starts_with(b"(")) {
            return Err(HeaderError::malformed(name, (digits, "no number of seconds")));
        }
        Ok(Some(decimal(&bytes[..digits]).unwrap_or(u32::MAX)))
    }

    /// The methods in Allow; what is no method is passed over.
    pub fn allow(&self) -> Vec<Method> {
        self.tokens(HeaderName::Allow).into_iter().filter_map(Method::from_token).collect()
    }

    /// The option tags in Require.
    pub fn require(&self) -> Vec<&str> {
        self.tokens(HeaderName::Require)
    }

    /// The option tags in Supported.
    pub fn supported(&self) -> Vec<&str> {
        self.tokens(HeaderName::Supported)
    }

    /// The option tags in Unsupported.
    pub fn unsupported(&self) -> Vec<&str> {
        self.tokens(HeaderName::Unsupported)
    }

    /// The elements of a comma-separated list of words over all fields of this name.
    pub fn tokens(&self, name: HeaderName) -> Vec<&str> {
        let mut list = Vec::new();
        for value in self.list_of(&name) {
            list.extend(split_commas(value).filter_map(|t| std::str::from_utf8(t).ok()));
        }
        list
    }

    /// The option tags in Require that are not among the `known` ones: the Unsupported header of a 420.
    pub fn unknown_requirements(&self, known: &[&str]) -> Vec<&str> {
        self.require().into_iter().filter(|tag| !known.iter().any(|k| k.eq_ignore_ascii_case(tag))).collect()
    }

    /// The single address of From, To and the like.
    fn address(&self, name: HeaderName) -> Result<NameAddr, HeaderError> {
        let value = self.required(name.clone())?;
        NameAddr::parse(value.as_bytes()).map_err(|fault| HeaderError::malformed(name, fault))
    }

    fn required(&self, name: HeaderName) -> Result<&HeaderValue, HeaderError> {
        self.get(&name).ok_or_else(|| HeaderError::missing(name))
    }

    fn list_of<'a>(&'a self, name: &HeaderName) -> Vec<&'a [u8]> {
        self.iter().filter(|h| h.name == *name).map(|h| h.value.as_bytes()).collect()
    }
}
