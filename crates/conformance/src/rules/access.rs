//! Who may read: credentials, permissions, and secrets that stay secret.

use std::collections::BTreeSet;

use aqueduct_connector::Stream;
use aqueduct_schema::{Error, StreamState, codes};
use serde_json::Value;

use crate::trial::{Ask, Course, Stop, Trial, all_of, applies, require};
use crate::vendor::{Ability, Harm};

pub(super) async fn credentials(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Credentials)?;
    let account = check(trial, trial.account.config()).await.map_err(|error| trial.failed("good credentials are refused", &error))?;
    require(!account.is_empty(), || "the account has no id, which is part of every row's".to_owned())?;
    let error = refused(trial, trial.account.refused_config(), "refused credentials").await?;
    require(!error.advice().is_empty(), || "refused credentials come without advice".to_owned())?;
    if !trial.facts.can(Ability::OAuth) {
        return Ok(());
    }

    let stream = trial.stream().await?;
    let by_tokens = || Ask { config: Some(trial.account.oauth_config()), ..Ask::new(&stream, &StreamState::default()) };
    let tokens = || trial.account.asked().iter().filter(|asked| asked.token).count();
    let before = tokens();
    trial.account.harm(&stream.name, Harm::TokenExpired, 1, Some(1))?;
    let reading = trial.complete(trial.read(by_tokens()).await?, &stream)?;
    trial.account.heal()?;
    all_of(&trial.live(&stream)?, &reading.ids(), "a first load during which the access token runs out")?;
    let fetched = tokens() - before;
    require(fetched == 2, || format!("a reading whose token runs out once asks for {fetched} tokens, not 2"))?;
    let again = check(trial, trial.account.oauth_config()).await.map_err(|error| trial.failed("a good consent is refused", &error))?;
    require(again == account, || "the account has one id by token and another by consent".to_owned())?;

    trial.account.revoke_consent()?;
    refused(trial, trial.account.oauth_config(), "a consent that was taken back").await.map(|_| ())
}

/// The id of the account that a config reaches.
async fn check(trial: &Trial<'_>, config: Value) -> Result<String, Error> {
    let account = trial.engine(config)?.check().await?;
    trial.evidence.debug("an account", &account);
    Ok(account.id)
}

/// Checks with a config that must be refused.
async fn refused(trial: &Trial<'_>, config: Value, what: &str) -> Course<Error> {
    match check(trial, config).await {
        Ok(_) => Err(Stop::Failed(format!("{what} are taken for good"))),
        Err(error) => {
            trial.evidence.error(&error);
            require(error.code() == codes::CREDENTIALS_REFUSED, || format!("{what}: it is {}, not AQ2001", error.code().id))?;
            Ok(error)
        }
    }
}

pub(super) async fn permission(trial: &Trial<'_>) -> Course {
    trial.needs(Ability::Permissions)?;
    let before: Vec<String> = trial.streams().await?.into_iter().map(|stream| stream.name).collect();
    let forbidden = trial.account.forbid()?;
    let named = forbidden.iter().map(String::as_str).collect::<Vec<_>>().join("`, `");
    let streams = trial.streams().await.map_err(|stop| match stop {
        Stop::Failed(why) => Stop::Failed(format!(
            "without the permission for `{named}` {why}; `aqueduct_connector::described` passes over what may not be asked for"
        )),
        other => other,
    })?;
    let after: BTreeSet<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
    let hidden: Vec<&String> = before.iter().filter(|name| !after.contains(name.as_str())).collect();
    require(hidden.is_empty(), || format!("without a permission, streams are no longer there: {hidden:?}"))?;
    let concerned = forbidden.iter().filter(|name| after.contains(name.as_str())).count();
    require(concerned > 0 && concerned < streams.len(), || {
        format!("the vendor forbids `{named}`, which is no stream of the connector, or all it has: nothing was tried")
    })?;
    for stream in &streams {
        if forbidden.contains(&stream.name) {
            is_denied(trial, stream).await?;
        } else {
            trial.load(stream, &StreamState::default()).await?;
        }
    }
    Ok(())
}

async fn is_denied(trial: &Trial<'_>, stream: &Stream) -> Course {
    let reading = trial.read(Ask::new(stream, &StreamState::default())).await?;
    match &reading.outcome {
        Ok(_) => Err(Stop::Failed(format!("stream `{}` is read without its permission, as if it were empty", stream.name))),
        Err(error) => {
            let code = error.code();
            require(code == codes::PERMISSION_DENIED, || {
                format!("stream `{}` without its permission is {}, not AQ2002", stream.name, code.id)
            })?;
            super::ends::completes_nothing(&reading, &StreamState::default(), "a stream without its permission")
        }
    }
}

pub(super) async fn secrets(trial: &Trial<'_>) -> Course {
    let (_, secrets) = trial.evidence.counts();
    applies(secrets > 0, "the connector has no secrets")?;
    // The other rules have left their evidence; tried alone, this one makes its own.
    let stream = trial.stream().await?;
    trial.load(&stream, &StreamState::default()).await?;
    let fixed = [Harm::Dropped, Harm::Status(500), Harm::Status(400), Harm::SlowDown(None)];
    let statuses = fixed.into_iter().filter(|_| trial.facts.can(Ability::Statuses));
    for harm in trial.facts.no_answers.iter().copied().chain(statuses) {
        trial.account.harm(&stream.name, harm, 1, None)?;
        trial.read(Ask::new(&stream, &StreamState::default())).await?;
        trial.account.heal()?;
    }
    if trial.facts.can(Ability::Credentials)
        && let Err(error) = check(trial, trial.account.refused_config()).await
    {
        trial.evidence.error(&error);
    }
    trial.evidence.debug("the registration", trial.registration);
    let leaks = trial.evidence.leaks();
    require(leaks.is_empty(), || format!("{} times, first {}", leaks.len(), leaks[0]))
}
