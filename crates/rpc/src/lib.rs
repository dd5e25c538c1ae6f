//! What services ask each other over gRPC.
