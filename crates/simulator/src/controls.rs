//! What every simulator lets its user do, whichever vendor it plays.

/// Gives a simulator with the fields `server` and `served` the controls that all of them have.
macro_rules! controls {
    ($simulator:ident) => {
        impl $simulator {
            /// The address it listens on.
            #[must_use]
            pub fn address(&self) -> std::net::SocketAddr {
                self.server.address
            }

            /// Its clock.
            #[must_use]
            pub fn clock(&self) -> $crate::clock::Clock {
                self.served.clock.clone()
            }

            /// The counters now.
            #[must_use]
            pub fn counters(&self) -> $crate::counters::Counters {
                self.served.counters.snapshot()
            }

            /// The request log now, oldest first, bounded by [`Options::request_log_capacity`].
            #[must_use]
            pub fn request_log(&self) -> Vec<$crate::counters::LoggedRequest> {
                self.served.counters.log()
            }

            /// Sets the counters to zero and empties the request log.
            pub fn reset_counters(&self) {
                self.served.counters.reset();
            }

            /// Adds a fault behind those already there.
            pub fn inject(&self, fault: $crate::faults::Fault) {
                self.served.faults.inject(fault);
            }

            /// Removes all faults.
            pub fn clear_faults(&self) {
                self.served.faults.clear();
            }

            /// Sets whether replies are compressed for clients that accept it.
            pub fn set_gzip(&self, gzip: bool) {
                self.served.gzip.store(gzip, std::sync::atomic::Ordering::Relaxed);
            }
        }

        impl std::fmt::Debug for $simulator {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct("Simulator").field("address", &self.server.address).finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use controls;
