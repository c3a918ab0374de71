//! Metadata, versions 0 to 13.
//!
//! Topics that the request names and that do not exist are created, if the request and `auto.create.topics.enable`
//! allow it. Deviation: they are answered once they take batches, while Kafka answers an error first and has the client
//! ask again; only where that takes too long are they answered so here, too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use uuid::Uuid;

use super::changes::propose;
use super::{Context, answer, view};
use crate::connection::{Outcome, Request};
use crate::controller::decide::{CreatedTopic, auto_create_topics};
use crate::controller::describe::{metadata, topics_to_create};

/// How long an answer waits for topics that it creates. Clients ask again after an error, so this is far below their
/// own patience.
const CREATE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: MetadataRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let version = request.header.api_version;
    if has_foreign_null(&body, version) {
        return Outcome::Close("a null where this version has none".into());
    }
    let missing = match context.config.load().topics.auto_create_topics_enable {
        true => topics_to_create(&context.node.image(), &body, version),
        false => Vec::new(),
    };
    if missing.is_empty() {
        return respond(context, &request, &body, &[]);
    }
    let names = missing.iter().map(String::as_str);
    let change = propose(context, |decide| auto_create_topics(decide, names, &mut Uuid::new_v4));
    let context = context.clone();
    Outcome::later(async move {
        let (created, result) = change.settled(&context.node, CREATE_TIMEOUT).await;
        if let Err(error) = result {
            tracing::warn!(%error, "topics that a client asked for are not created yet");
        }
        respond(&context, &request, &body, &created)
    })
}

/// Whether something is null that is so only in later versions, which the codec does not mind.
fn has_foreign_null(body: &MetadataRequest, version: i16) -> bool {
    let (first_with_null_topics, first_with_null_names) = (1, 10);
    match &body.topics {
        None => version < first_with_null_topics,
        Some(topics) => version < first_with_null_names && topics.iter().any(|topic| topic.name.is_none()),
    }
}

fn respond(context: &Context, request: &Request, body: &MetadataRequest, created: &[CreatedTopic]) -> Outcome {
    let mut response = view::describe(context, |view| metadata(view, body, request.header.api_version));
    log_refusals(created);
    for topic in created {
        let refusal = topic.result.as_ref().err();
        context
            .limits
            .named_in(refusal.and_then(|refusal| refusal.message.as_deref()));
    }
    tell_refusals(&mut response, created);
    let failed = response
        .topics
        .iter()
        .any(|topic| topic.error_code != 0 || topic.partitions.iter().any(|partition| partition.error_code != 0));
    answer(request, &response, failed)
}

/// One line for a request, however much it names.
fn log_refusals(created: &[CreatedTopic]) {
    let mut refused = created
        .iter()
        .filter_map(|topic| Some((&topic.name, topic.result.as_ref().err()?)));
    if let Some((topic, error)) = refused.next() {
        let others = refused.count();
        tracing::warn!(%topic, %error, others, "topics that a client asked for are not created");
    }
}

/// Kafka answers two reasons why a topic was not created, which clients know as final; any other is "no such topic".
fn tell_refusals(response: &mut MetadataResponse, created: &[CreatedTopic]) {
    let told = created.iter().filter_map(|topic| {
        let refusal = topic.result.as_ref().err()?;
        let is_told = matches!(
            refusal.error,
            ResponseError::InvalidTopicException | ResponseError::InvalidReplicationFactor
        );
        is_told.then(|| (topic.name.as_str(), refusal.code()))
    });
    let told: BTreeMap<&str, i16> = told.collect();
    for topic in response.topics.iter_mut().filter(|topic| topic.error_code != 0) {
        let name = topic.name.as_ref().map_or("", |name| name.as_str());
        if let Some(code) = told.get(name) {
            topic.error_code = *code;
        }
    }
}

#[cfg(test)]
mod tests;
