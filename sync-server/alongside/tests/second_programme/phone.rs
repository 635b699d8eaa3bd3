//! A volunteer's phone: the core as an app holds it.

use std::{path::Path, sync::Arc};

use alongside_core::{
    app::{
        AnswerValue, AnswerView, App, AppConfig, AppProfile, EnrolRequest, FirstAnswers, NewGroupRequest,
        PageRequest, SaveAnswersRequest, SavedView, SyncState, UnitPageView,
    },
    clock::SystemClock,
};
use alongside_domain::{ids::GroupId, programme::Programme};

pub(crate) struct Phone {
    pub(crate) app: App,
    pub(crate) profile: AppProfile,
}

/// Answers by key; one that begins with `*` is the codes behind it.
pub(crate) fn answers(pairs: &[(&str, &str)]) -> Vec<AnswerView> {
    let answer = |text: &str| match text.strip_prefix('*') {
        Some(codes) => AnswerValue::Codes { codes: codes.split_whitespace().map(str::to_owned).collect() },
        None => AnswerValue::Text { text: text.to_owned() },
    };
    pairs.iter().map(|(key, text)| AnswerView { key: (*key).to_owned(), answer: answer(text) }).collect()
}

impl Phone {
    pub(crate) async fn new(folder: &Path, programme: &Arc<Programme>) -> Self {
        let config = AppConfig {
            folder: folder.to_owned(),
            programme: Arc::clone(programme),
            clock: Arc::new(SystemClock),
            zone: programme.zone.clone(),
            most_bytes: None,
        };
        let app = App::start(config).unwrap();
        let profile = app.create_profile(vec![9; 32]).await.unwrap();
        Self { app, profile }
    }

    pub(crate) async fn enrol(&self, server: &str, code: &str) {
        let request = EnrolRequest {
            server: server.to_owned(),
            code: code.to_owned(),
            device_name: "Phone".to_owned(),
        };
        self.profile.sync().enrol(request).await.unwrap();
    }

    /// Syncs with the server at this address until there is nothing more to do.
    pub(crate) async fn sync(&self, server: &str) {
        self.profile.sync().set_server(server.to_owned()).await.unwrap();
        for _ in 0..20 {
            let done = self.profile.sync().sync_now().await.unwrap();
            if matches!(done.state, SyncState::UpToDate { .. }) && done.waiting == 0 {
                let waiting = self.profile.records().waiting().await.unwrap();
                assert!(waiting.kept_apart.is_empty() && waiting.quarantined.is_empty(), "{waiting:?}");
                assert!(waiting.refused_openings.is_empty(), "{waiting:?}");
                return;
            }
        }
        panic!("the phone does not come up to date");
    }

    pub(crate) async fn save(&self, group: GroupId, form: &str, pairs: &[(&str, &str)]) -> SavedView {
        let request = SaveAnswersRequest {
            record: None,
            group,
            form: form.to_owned(),
            answers: answers(pairs),
            reason: None,
            token: None,
        };
        let saved = self.profile.records().save(request).await;
        saved.unwrap_or_else(|error| panic!("{form}: {error:?}"))
    }

    pub(crate) async fn open(&self, kind: &str, records: &[(&str, &[(&str, &str)])]) -> GroupId {
        let records = records
            .iter()
            .map(|(form, pairs)| FirstAnswers { form: (*form).to_owned(), answers: answers(pairs) })
            .collect();
        let request = NewGroupRequest { kind: kind.to_owned(), parents: Vec::new(), records, token: None };
        self.profile.records().open_group(request).await.unwrap().group
    }

    pub(crate) async fn page(&self, group: GroupId) -> UnitPageView {
        let request = PageRequest { group, as_of: None, limit: 50, after: None };
        self.profile.records().unit_page(request).await.unwrap()
    }
}
