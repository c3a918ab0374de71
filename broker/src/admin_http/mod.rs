//! The admin listener: `/livez`, `/readyz`, `/metrics`.
//!
//! Plain text, for people and probes. `/readyz` answers 200 only when every partition that is not quarantined serves,
//! and lists the quarantined ones in either case, one a line.

use std::fmt;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;

/// Says whether the node serves.
pub trait Readiness: Send + Sync + 'static {
    /// The state at this moment.
    fn report(&self) -> ReadinessReport;
}

/// Whether the node serves, and what of it does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadinessReport {
    /// `None` when ready, else what is waited for.
    pub waiting_for: Option<String>,
    /// Partitions that are out of service until they are repaired.
    pub quarantined: Vec<QuarantinedPartition>,
}

/// A partition whose log is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedPartition {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// What was found, where.
    pub reason: String,
}

impl fmt::Display for ReadinessReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.waiting_for {
            None => writeln!(f, "ready")?,
            Some(what) => writeln!(f, "not ready: {what}")?,
        }
        for QuarantinedPartition {
            topic,
            partition,
            reason,
        } in &self.quarantined
        {
            writeln!(f, "quarantined {topic}-{partition}: {reason}")?;
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Admin {
    readiness: Arc<dyn Readiness>,
    metrics: Arc<Metrics>,
}

/// Serves the admin listener until the future is dropped.
pub async fn serve(listener: TcpListener, readiness: Arc<dyn Readiness>, metrics: Arc<Metrics>) -> io::Result<()> {
    axum::serve(listener, router(readiness, metrics)).await
}

fn router(readiness: Arc<dyn Readiness>, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render_metrics))
        .with_state(Admin { readiness, metrics })
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let report = admin.readiness.report();
    let status = if report.waiting_for.is_none() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, report.to_string()).into_response()
}

async fn render_metrics(State(admin): State<Admin>) -> Response {
    // With many partitions this takes a while, which is not for a worker that serves connections.
    match tokio::task::spawn_blocking(move || admin.metrics.render()).await {
        Ok(text) => (
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
            text,
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests;
