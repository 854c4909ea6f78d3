//! Puts the parts together: the store behind the call's port, the node behind the SIP stack.

use crate::call::ports::{BoxFuture, CallBook, Closing, LogEvent, PortError, Route};
use crate::domain::{CallId, CallOutcome, CallRecord, CallSlots, E164, TenantScope, Turn};
use crate::store::{self, CloseCall, Store, StoreError};

/// The store as the calls see it.
pub struct StoreBook(pub Store);

impl CallBook for StoreBook {
    fn route<'a>(&'a self, did: &'a E164) -> BoxFuture<'a, Result<Option<Route>, PortError>> {
        Box::pin(async move {
            let found = self.0.find_did(did).await.map_err(port_error)?;
            Ok(found.map(|store::Route { scope, tenant, profile }| Route { scope, tenant, profile }))
        })
    }

    fn open<'a>(&'a self, scope: TenantScope, record: &'a CallRecord) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move { self.0.open_call(scope, record).await.map_err(port_error) })
    }

    fn turn<'a>(&'a self, scope: TenantScope, call: CallId, turn: &'a Turn) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move { self.0.append_turn(scope, call, turn).await.map_err(port_error) })
    }

    fn slots<'a>(
        &'a self,
        scope: TenantScope,
        call: CallId,
        slots: &'a CallSlots,
        outcome: CallOutcome,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move { self.0.set_slots(scope, call, slots, Some(outcome)).await.map_err(port_error) })
    }

    fn events<'a>(
        &'a self,
        scope: TenantScope,
        call: CallId,
        events: &'a [LogEvent],
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let events: Vec<store::CallEvent> = events
                .iter()
                .map(|event| store::CallEvent {
                    seq: event.seq,
                    at_ms: event.at_ms,
                    kind: event.kind.to_owned(),
                    data: event.data.clone(),
                })
                .collect();
            self.0.append_events(scope, call, &events).await.map_err(port_error)
        })
    }

    fn close<'a>(
        &'a self,
        scope: TenantScope,
        call: CallId,
        closing: &'a Closing,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let close = CloseCall {
                ended_at: closing.ended_at,
                end_cause: closing.end_cause,
                outcome: closing.outcome,
                slots: closing.slots.clone(),
                summary: closing.summary.clone(),
                recording: closing.recording,
                transfers: closing.transfers.clone(),
                bridged_ms: closing.bridged_ms,
            };
            self.0.close_call(scope, call, &close).await.map_err(port_error)
        })
    }
}

fn port_error(error: StoreError) -> PortError {
    PortError(super::one_line(&error))
}
