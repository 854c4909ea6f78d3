//! The table of routes: every operation with its rule, which stands in the OpenAPI document too.

use std::collections::HashMap;

use axum::http::Method;
use serde_json::json;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Ref, RefOr, Required, Response};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::ApiState;
use crate::domain::{Permission, Role};

/// Header that makes a POST safe to send again.
pub(super) const IDEMPOTENCY_HEADER: &str = "Idempotency-Key";

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Anybody: it holds no data, or is how one gets in.
    Open,
    /// Whoever is authenticated, for matters of his own.
    Anyone,
    /// With a permission, on whose data it reaches.
    For(Reach, Permission),
}

/// Whose data an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// One tenant's: the principal's own, or the one that the operator names in the path as `{tenant}` or in the header
    /// `VCA-Tenant`.
    Tenant,
    /// The operator's. To everybody else there is no such route: 404.
    Platform,
    /// One tenant's, and changed by the operator only, who names it in the header `VCA-Tenant`. 404 to everybody else.
    PlatformForTenant,
    /// The operator's when it names no tenant, that tenant's otherwise. The handler shows each what is his.
    Either,
}

impl Rule {
    /// One tenant's data.
    pub(super) const fn tenant(permission: Permission) -> Self {
        Self::For(Reach::Tenant, permission)
    }

    /// The operator's own.
    pub(super) const fn platform(permission: Permission) -> Self {
        Self::For(Reach::Platform, permission)
    }

    /// One tenant's, for the operator alone.
    pub(super) const fn platform_for_tenant(permission: Permission) -> Self {
        Self::For(Reach::PlatformForTenant, permission)
    }

    /// The operator's, or one tenant's.
    pub(super) const fn either(permission: Permission) -> Self {
        Self::For(Reach::Either, permission)
    }
}

/// The rule of every operation, by method and by the path as the router writes it.
pub(super) type Rules = HashMap<(Method, String), Rule>;

/// Routes under construction. There is no way to add one without its rule.
#[derive(Default)]
pub(super) struct Routes {
    router: OpenApiRouter<ApiState>,
    rules: Rules,
}

impl Routes {
    /// Adds what `routes!(handler)` makes, under one rule. Operations of the same path with different rules are added one
    /// by one.
    pub(super) fn on(mut self, rule: Rule, (schemas, mut paths, methods): UtoipaMethodRouter<ApiState>) -> Self {
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                describe(operation, &method, path, rule);
                let earlier = self.rules.insert((method, path.clone()), rule);
                debug_assert!(earlier.is_none(), "invariant: {path} is added once a method");
            }
        }
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    /// Adds another file's routes.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.rules.extend(other.rules);
        self
    }

    pub(super) fn into_parts(self) -> (OpenApiRouter<ApiState>, Rules) {
        (self.router, self.rules)
    }
}

/// The operations of a path, with their methods.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Writes into the document what holds for every operation of this rule: who may call it, which headers it takes, and the
/// problems it may answer with.
fn describe(operation: &mut Operation, method: &Method, path: &str, rule: Rule) {
    let problem = |description: &str| {
        let mut response = Response::new(description);
        let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
        response.content.insert("application/problem+json".to_owned(), RefOr::T(content));
        RefOr::T(response)
    };
    let mut problems = vec![("default", "another problem; its `type` says which"), ("400", "a parameter is wrong")];
    if let Rule::For(reach, permission) = rule {
        let names_tenant = reach != Reach::Platform && !path.contains("{tenant}");
        let roles: Vec<Role> = match reach {
            Reach::Platform | Reach::PlatformForTenant => vec![Role::PlatformAdmin],
            _ => Role::ALL.into_iter().filter(|role| role.allows(permission)).collect(),
        };
        let reach = match reach {
            Reach::Tenant => "tenant",
            Reach::Platform | Reach::PlatformForTenant => "platform",
            Reach::Either => "either",
        };
        let access = json!({ "reach": reach, "permission": permission.word(), "roles": roles });
        operation
            .extensions
            .get_or_insert_default()
            .merge(ExtensionsBuilder::new().add("x-vca-access", access).build());
        problems.push(("403", "the role or the key does not allow this"));
        if names_tenant {
            header(operation, "VCA-Tenant", "only for a platform key or a platform admin: the tenant to act for", None);
        }
    }
    let scopes = match rule {
        Rule::For(_, permission) => vec![permission.word()],
        Rule::Open | Rule::Anyone => vec![],
    };
    if rule == Rule::Open {
        operation.security = Some(vec![SecurityRequirement::default()]);
    } else {
        problems.push(("401", "no credential, or none that is known and still valid"));
        operation.security = Some(vec![
            SecurityRequirement::new("apiKey", scopes.clone()),
            SecurityRequirement::new("session", Vec::<String>::new()),
        ]);
    }
    problems.push(("429", "too many requests; `Retry-After` says when to go on"));
    if path.contains('{') {
        problems.push(("404", "there is no such thing, or it is another tenant's"));
    }
    if *method == Method::POST && rule != Rule::Open {
        let text = "makes it safe to send this again: the first answer is given once more, for 24 hours";
        header(operation, IDEMPOTENCY_HEADER, text, Some(255));
    }
    if operation.request_body.is_some() {
        problems.extend([
            ("409", "it is there already, or is being changed"),
            ("413", "the body is larger than 1 MB"),
            ("415", "the body is not `application/json`"),
            ("422", "fields of the body cannot be used; `errors` says which and why"),
        ]);
    }
    for (status, description) in problems {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| problem(description));
    }
}

fn header(operation: &mut Operation, name: &str, description: &str, max_length: Option<usize>) {
    let parameter: Parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(
            ObjectBuilder::new().schema_type(Type::String).max_length(max_length).min_length(max_length.map(|_| 1)),
        ))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
}

/// The methods that operations have.
pub(super) const METHODS: [Method; 5] = [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH];
