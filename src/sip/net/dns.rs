//! Look-ups for [`Resolution`]: the system's resolver with a cache that keeps to the TTL, or a table.

use crate::sip::message::Uri;
use crate::sip::resolve::{Answer, Candidate, Naptr, Query, Resolution, Srv};
use crate::sip::ua::Transport;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};
use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One look-up, with its repetitions.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(3);

/// All look-ups of one resolution.
const RESOLUTION_LIMIT: Duration = Duration::from_secs(8);

/// Look-ups of one resolution: NAPTR, a few SRV, and the hosts they name.
const MAX_LOOK_UPS: usize = 48;

/// What [`Dns::look_up`] returns.
pub type LookUp<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Makes look-ups.
pub trait Dns: Send + Sync + 'static {
    /// The records, in the variant that the query asks for; empty when there are none or nobody answers in time.
    fn look_up<'a>(&'a self, query: &'a Query) -> LookUp<'a>;
}

/// Follows RFC 3263 from `uri` to targets; empty when there are none, or the look-ups take too long.
pub async fn resolve(dns: &dyn Dns, uri: &Uri, transports: &[Transport]) -> Vec<Candidate> {
    let mut resolution = Resolution::new(uri, transports);
    let all = async {
        for _ in 0..MAX_LOOK_UPS {
            let Some(query) = resolution.next_query() else { break };
            resolution.answer(dns.look_up(&query).await);
        }
    };
    // What was found in time is of use.
    let _ = tokio::time::timeout(RESOLUTION_LIMIT, all).await;
    resolution.candidates()
}

fn empty(query: &Query) -> Answer {
    match query {
        Query::Naptr(_) => Answer::Naptr(Vec::new()),
        Query::Srv(_) => Answer::Srv(Vec::new()),
        Query::Addr(_) => Answer::Addr(Vec::new()),
    }
}

/// The servers of the system's configuration; answers are kept as long as their TTL says.
pub struct SystemDns(TokioResolver);

impl SystemDns {
    /// Reads the system's configuration.
    ///
    /// # Errors
    /// When there is none that can be used.
    pub fn new() -> Result<Self, hickory_resolver::net::NetError> {
        let mut builder = TokioResolver::builder_tokio()?;
        let options = builder.options_mut();
        options.timeout = Duration::from_secs(1);
        options.attempts = 2;
        // "No such name" may be a registrar that is being moved: asked again soon.
        options.negative_max_ttl = Some(Duration::from_secs(10));
        builder.build().map(Self)
    }

    async fn records(&self, name: &str, kind: RecordType) -> Vec<RData> {
        // Absolute: the machine's search domains are not meant.
        match self.0.lookup(format!("{name}."), kind).await {
            Ok(lookup) => lookup.answers().iter().map(|record| record.data.clone()).collect(),
            Err(error) => {
                tracing::debug!(name, %kind, %error, "no answer to a DNS look-up");
                Vec::new()
            }
        }
    }

    async fn answer(&self, query: &Query) -> Answer {
        match query {
            Query::Naptr(name) => {
                let records = self.records(name, RecordType::NAPTR).await.into_iter();
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                Answer::Naptr(
                    records
                        .filter_map(|data| match data {
                            RData::NAPTR(naptr) => Some(Naptr {
                                order: naptr.order,
                                preference: naptr.preference,
                                flags: text(&naptr.flags),
                                service: text(&naptr.services),
                                replacement: naptr.replacement.to_utf8().trim_end_matches('.').to_owned(),
                            }),
                            _ => None,
                        })
                        .collect(),
                )
            }
            Query::Srv(name) => {
                let records = self.records(name, RecordType::SRV).await.into_iter();
                Answer::Srv(
                    records
                        .filter_map(|data| match data {
                            RData::SRV(srv) => Some(Srv {
                                priority: srv.priority,
                                weight: srv.weight,
                                port: srv.port,
                                target: srv.target.to_utf8(),
                            }),
                            _ => None,
                        })
                        .collect(),
                )
            }
            Query::Addr(name) => {
                let (v4, v6) = tokio::join!(self.records(name, RecordType::A), self.records(name, RecordType::AAAA));
                let ip = |data| match data {
                    RData::A(a) => Some(IpAddr::V4(a.0)),
                    RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
                    _ => None,
                };
                Answer::Addr(v4.into_iter().chain(v6).filter_map(ip).collect())
            }
        }
    }
}

impl Dns for SystemDns {
    fn look_up<'a>(&'a self, query: &'a Query) -> LookUp<'a> {
        Box::pin(async move {
            let answer = tokio::time::timeout(LOOK_UP_LIMIT, self.answer(query)).await;
            answer.unwrap_or_else(|_| empty(query))
        })
    }
}

/// Answers from a table that can be changed: for tests, and where names are fixed.
#[derive(Debug, Default)]
pub struct TableDns(Mutex<HashMap<Query, Answer>>);

impl TableDns {
    /// Sets the answer to one query.
    pub fn set(&self, query: Query, answer: Answer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(query, answer);
    }
}

impl Dns for TableDns {
    fn look_up<'a>(&'a self, query: &'a Query) -> LookUp<'a> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(query).cloned();
        Box::pin(std::future::ready(found.unwrap_or_else(|| empty(query))))
    }
}
