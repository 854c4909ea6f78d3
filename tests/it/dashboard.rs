//! The dashboard as the program serves it.

use std::time::Duration;

use serde_json::Value;

use crate::harness::Demo;

type Answer = ureq::http::Response<ureq::Body>;

fn get(demo: &Demo, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = ureq::get(format!("http://{}{path}", demo.http))
        .config()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(10)))
        .build();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.call().expect("HTTP answers")
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

#[test]
fn the_program_serves_the_dashboard_under_a_policy_of_its_own() {
    let demo = Demo::mock(&[], &[]);
    let browser = [("accept", "text/html,*/*")];
    let mut start = get(&demo, "/", &browser);
    let text = start.body_mut().read_to_string().expect("text");
    assert!(text.starts_with("<!DOCTYPE html>"), "make dashboard builds it: {text}");
    let policy = header(&start, "content-security-policy");
    assert!(policy.contains("script-src 'self' 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert_eq!((header(&start, "cache-control"), header(&start, "x-content-type-options")), ("no-cache", "nosniff"));

    let script = text.split("\"/_next/static/").nth(1).and_then(|rest| rest.split('"').next()).expect("a script");
    let script = get(&demo, &format!("/_next/static/{script}"), &[("accept-encoding", "gzip")]);
    assert_eq!((script.status().as_u16(), header(&script, "content-encoding")), (200, "gzip"));
    assert_eq!(header(&script, "cache-control"), "public, max-age=31536000, immutable");

    let tag = header(&start, "etag").to_owned();
    assert_eq!(get(&demo, "/", &[("accept", "text/html"), ("if-none-match", &tag)]).status().as_u16(), 304);
    let calls = get(&demo, "/calls?outcome=urgent", &browser);
    assert_eq!((calls.status().as_u16(), header(&calls, "location")), (308, "/calls/?outcome=urgent"));
    assert_eq!(get(&demo, "/calls/", &browser).status().as_u16(), 200);
}

#[test]
fn what_is_no_page_is_told_to_people_and_to_programs() {
    let demo = Demo::mock(&[], &[]);
    for path in ["/nothing", "/calls/nothing/", "/csp.json", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "//evil.example/"]
    {
        let page = get(&demo, path, &[("accept", "text/html")]);
        assert_eq!(
            (page.status().as_u16(), header(&page, "content-type")),
            (404, "text/html; charset=utf-8"),
            "{path}"
        );
    }
    for (path, accept) in [("/nothing", "*/*"), ("/v1/nothing", "text/html"), ("/v1", "text/html")] {
        let mut problem = get(&demo, path, &[("accept", accept)]);
        assert_eq!(header(&problem, "content-type"), "application/problem+json", "{path}");
        let problem: Value = problem.body_mut().read_json().expect("JSON");
        assert_eq!(problem["status"], 404, "{path}");
    }
}
