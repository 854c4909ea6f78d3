//! What ends a call from outside: the node's drain, or somebody who watches the call.

use tokio::sync::watch;

use crate::domain::EndCause;

/// Both, as one call sees them.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Turns true when the node drains; its owner's end is a drain too.
    drain: watch::Receiver<bool>,
    /// Turns true when somebody wants the call ended.
    operator: watch::Receiver<bool>,
}

impl Stop {
    pub fn new(drain: watch::Receiver<bool>, operator: watch::Receiver<bool>) -> Self {
        Self { drain, operator }
    }

    /// Pends until the call is to end, and says why. Nothing is lost when the wait is given up.
    pub async fn told(&mut self) -> EndCause {
        let operator = async {
            if self.operator.wait_for(|asked| *asked).await.is_err() {
                // Nobody is left who could ask.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = operator => EndCause::Operator,
            _ = self.drain.wait_for(|drain| *drain) => EndCause::Shutdown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_is_told_why_it_is_to_end() {
        let (drain, operator) = (watch::Sender::new(false), watch::Sender::new(false));
        let stop = Stop::new(drain.subscribe(), operator.subscribe());
        operator.send_replace(true);
        assert_eq!(stop.clone().told().await, EndCause::Operator);
        let (gone, nobody) = watch::channel(false);
        drop(gone);
        let mut stop = Stop::new(drain.subscribe(), nobody);
        drain.send_replace(true);
        assert_eq!(stop.told().await, EndCause::Shutdown, "an owner that is gone has not asked for the end");
    }
}
