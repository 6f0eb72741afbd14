use super::*;
use std::collections::BTreeSet;

#[test]
fn finds_routes_parameters_and_wrong_methods() {
    let get = |path| find(&Method::GET, path);
    assert_eq!(find(&Method::POST, "/v1/chat/completions"), Matched::Route(Route::Chat, Caller, None));
    assert_eq!(get("/v1/models/"), Matched::Route(Route::Models, Caller, None));
    assert_eq!(get("/v1/models/a-b"), Matched::Route(Route::Model, Caller, Some("a-b")));
    assert_eq!(
        get("/v1/models/a/b"),
        Matched::Route(Route::Model, Caller, Some("a/b")),
        "a model's name may have slashes"
    );
    assert_eq!(
        get("/v1/responses/resp_1/input_items"),
        Matched::Route(Route::ResponseItems, Caller, Some("resp_1"))
    );
    assert_eq!(get("/v1/chat/completions"), Matched::Methods(&["POST"]));
    assert_eq!(find(&Method::PUT, "/v1/responses/x"), Matched::Methods(&["GET", "DELETE"]));
    assert_eq!(find(&Method::HEAD, "/healthz"), Matched::Route(Route::Health, Public, None));
    for nothing in ["/", "/v1", "/v1/responses//input_items", "//v1/models"] {
        assert_eq!(get(nothing), Matched::Nothing, "{nothing}");
    }
}

#[test]
fn rows_are_unique() {
    let rows: BTreeSet<_> = ROUTES.iter().map(|r| (r.method, r.path)).collect();
    assert_eq!(rows.len(), ROUTES.len());
    assert!(ROUTES.iter().all(|r| METHODS.contains(&r.method)));
}
