//! What changes a call from outside: the node's drain, or somebody who watches the call.

use tokio::sync::watch;

use crate::domain::{CallWish, EndCause};

/// Both, as one call sees them.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Turns true when the node drains; its owner's end is a drain too.
    drain: watch::Receiver<bool>,
    /// What somebody wants done with the call.
    operator: watch::Receiver<CallWish>,
    /// The same, read up to the last wish that was carried out.
    wishes: watch::Receiver<CallWish>,
}

impl Stop {
    pub fn new(drain: watch::Receiver<bool>, operator: watch::Receiver<CallWish>) -> Self {
        let wishes = operator.clone();
        Self { drain, operator, wishes }
    }

    /// Pends until the call is to end, and says why. Nothing is lost when the wait is given up.
    pub async fn told(&mut self) -> EndCause {
        told(&mut self.drain, &mut self.operator).await
    }

    /// Pends until the call is to end or the caller to be handed over. Nothing is lost when the wait is given up.
    pub async fn asked(&mut self) -> Asked {
        tokio::select! {
            biased;
            cause = told(&mut self.drain, &mut self.operator) => Asked::End(cause),
            target = hand_over(&mut self.wishes) => Asked::HandOver(target),
        }
    }
}

/// What is asked of a call from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    End(EndCause),
    /// To the target of this name.
    HandOver(String),
}

async fn told(drain: &mut watch::Receiver<bool>, operator: &mut watch::Receiver<CallWish>) -> EndCause {
    let operator = async {
        if operator.wait_for(|wish| *wish == CallWish::HangUp).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = operator => EndCause::Operator,
        _ = drain.wait_for(|drain| *drain) => EndCause::Shutdown,
    }
}

async fn hand_over(wishes: &mut watch::Receiver<CallWish>) -> String {
    loop {
        if wishes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        if let CallWish::HandOver(target) = &*wishes.borrow_and_update() {
            return target.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_is_told_why_it_is_to_end() {
        let (drain, operator) = (watch::Sender::new(false), watch::Sender::new(CallWish::None));
        let mut stop = Stop::new(drain.subscribe(), operator.subscribe());
        operator.send_replace(CallWish::HandOver("desk".to_owned()));
        assert_eq!(stop.asked().await, Asked::HandOver("desk".to_owned()));
        operator.send_replace(CallWish::HangUp);
        assert_eq!(stop.clone().told().await, EndCause::Operator);
        let (gone, nobody) = watch::channel(CallWish::None);
        drop(gone);
        let mut stop = Stop::new(drain.subscribe(), nobody);
        drain.send_replace(true);
        assert_eq!(stop.told().await, EndCause::Shutdown, "an owner that is gone has not asked for the end");
    }
}
