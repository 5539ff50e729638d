import HTTP
import HTTPClient
import HelperCore
import JSON
import Testing

@testable import ThreeScale

@Suite("3scale's answers")
struct ThreeScaleAnswerTests {
    private func failure(_ status: Int, _ body: String, isWrite: Bool = true) -> APIManagerError? {
        let response = HTTPClientResponse(
            status: HTTPStatus(code: status), fields: HTTPFields([("retry-after", "7")]), body: Array(body.utf8))
        do throws(APIManagerError) {
            _ = try ThreeScaleAnswer.value(of: response, isWrite: isWrite, now: 0)
            return nil
        } catch {
            return error
        }
    }

    @Test("of a validation reach the caller field by field")
    func validation() {
        let error = failure(422, #"{"errors":{"org_name":["can't be blank"],"username":["is too short","is bad"]}}"#)
        #expect(
            error
                == .rejected(
                    status: 422,
                    details: [
                        .init(field: "org_name", issue: "can't be blank"),
                        .init(field: "username", issue: "is too short"),
                        .init(field: "username", issue: "is bad"),
                    ]))
        // One message for all is not meant for the caller's fields.
        #expect(
            failure(422, #"{"error":"You cannot subscribe to that service."}"#)
                == .rejected(status: 422, details: [], words: "You cannot subscribe to that service."))
        #expect(failure(409, "") == .rejected(status: 409, details: [], words: "an empty body"))
        // However long: they reach a caller and the log.
        let long = String(repeating: "x", count: 100_000)
        guard case .rejected(_, let details, _) = failure(422, #"{"errors":{"\#(long)":["\#(long)"]}}"#) else {
            Issue.record("not rejected")
            return
        }
        #expect(details.map(\.issue.count) == [500] && details.map(\.field.count) == [100])
    }

    @Test(
        "403 is about our token unless an errors map says why, on reads and writes",
        arguments: [#"{"error":"Access denied"}"#, #"{"status":"Forbidden"}"#, "", "<html>"])
    func denied(_ body: String) {
        for isWrite in [false, true] {
            guard case .accessDenied = failure(403, body, isWrite: isWrite) else {
                Issue.record("not denied: \(body)")
                return
            }
        }
        guard case .rejected = failure(403, #"{"errors":{"base":["no"]}}"#) else {
            Issue.record("not rejected")
            return
        }
    }

    @Test("that are no success leave a write uncertain only when 3scale may have done it")
    func uncertainty() {
        for (status, unknown) in [(500, true), (502, true), (503, true), (429, false), (404, false), (302, true)] {
            #expect(failure(status, "")?.outcomeUnknown == unknown, "\(status)")
            #expect(failure(status, "", isWrite: false)?.outcomeUnknown != true)
        }
        #expect(failure(200, "<html>")?.outcomeUnknown == true && failure(201, "{\"a\":")?.outcomeUnknown == true)
        #expect(failure(200, "") == nil)
    }

    @Test(
        "say why to the log in every shape that 3scale has, and to callers in one",
        arguments: [
            (#"{"error":{"from":"pending","event":"suspend","error":"cannot transition"}}"#, "", "cannot transition"),
            ("Wrong type for parameter: account", "text/plain; charset=utf-8", "Wrong type for parameter: account"),
            ("\"denied\"", "text/plain", "\"denied\""), ("\u{7}\r\n", "text/plain", "no reason given"),
            ("<html>502</html>", "text/html", "a page of HTML"), ("", "text/html", "an empty body"),
            (#"{"status":"Not found"}"#, "", "Not found"),
        ])
    func shapes(_ body: String, _ type: String, _ summary: String) {
        let response = HTTPClientResponse(
            status: HTTPStatus(code: 422), fields: HTTPFields([("content-type", type)]), body: Array(body.utf8))
        #expect(ThreeScaleAnswer.details(response).isEmpty)
        #expect(ThreeScaleAnswer.summary(response) == summary)
    }

    @Test(
        "name the time to wait in seconds or as a date, however long",
        arguments: [
            ("7", 7), ("86400", 86_400), ("99999999999999999999", 1_000_000_000),
            ("Sun, 09 Sep 2001 03:46:40 GMT", 7_200),
            ("Sun, 09 Sep 2001 00:00:00 GMT", 0), ("soon", nil), ("-1", nil),
        ] as [(String, Int?)])
    func waits(_ field: String, _ seconds: Int?) {
        let response = HTTPClientResponse(
            status: HTTPStatus(code: 503), fields: HTTPFields([("retry-after", field)]), body: [])
        let error = #expect(throws: APIManagerError.self) {
            _ = try ThreeScaleAnswer.value(of: response, isWrite: false, now: 1_000_000_000)
        }
        guard case .unavailable(let wait, _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(wait == seconds.map { .seconds($0) })
    }

    @Test("are waited out as long as they say")
    func retryAfter() {
        #expect(failure(503, "")?.retryAfter == .seconds(7))
    }
}

@Suite("3scale's entities")
struct ThreeScaleEntitiesTests {
    @Test(
        "endpoints lose the port that the scheme implies",
        arguments: [
            ("https://a.example.com:443", "https://a.example.com"), ("http://a.example.com:80", "http://a.example.com"),
            ("https://a.example.com:8443", "https://a.example.com:8443"), ("http://a:443", "http://a:443"),
            ("https://a:443/v1", "https://a/v1"), ("https://a:443/", "https://a"), ("", nil),
        ])
    func endpoints(_ text: String, _ expected: String?) {
        #expect(ThreeScaleEntities.endpoint(text) == expected)
    }

    @Test("the mode comes from the service, the names from the proxy")
    func services() throws {
        let entity: JSONValue = [
            "id": 2_555_417_834_780, "name": "Chat", "system_name": "chat", "backend_version": "2",
        ]
        let proxy: JSONValue = ["endpoint": "https://a:443", "credentials_location": "headers", "auth_app_id": "x-id"]
        let service = try ThreeScaleEntities.service(entity, proxy: proxy, plans: [])
        #expect(service.id == 2_555_417_834_780 && service.authentication == .appIDAndKey)
        #expect(
            service.placement == CredentialsPlacement(location: .headers, parameter: "app_key", idParameter: "x-id"))
        #expect(try ThreeScaleEntities.service(["id": 1], proxy: nil, plans: []).proxyEndpoint == nil)
    }

    @Test("credentials are what the mode shows")
    func applications() throws {
        func credentials(_ extra: JSONObject) throws -> Application.Credentials {
            var entity: JSONObject = ["id": 1, "service_id": 2, "plan_id": 3, "account_id": 4, "state": "live"]
            for (name, value) in extra.members { entity[name] = value }
            return try ThreeScaleEntities.application(.object(entity), at: 0).credentials
        }
        #expect(try credentials(["user_key": "k"]) == .userKey("k"))
        #expect(try credentials(["application_id": "a"]) == .appID("a"))
        #expect(
            try credentials(["application_id": "a", "client_id": "a", "client_secret": "s"])
                == .client(id: "a", secret: "s"))
        #expect(try credentials([:]) == .none)
        #expect(throws: APIManagerError.self) { try ThreeScaleEntities.application(["id": 1], at: 0) }
    }

    @Test("a live application that is not enabled does not work")
    func disabled() throws {
        let entity: JSONValue = [
            "id": 1, "service_id": 2, "plan_id": 3, "account_id": 4, "state": "live", "enabled": false,
        ]
        #expect(try ThreeScaleEntities.application(entity, at: 0).state == .suspended)
    }

    @Test("ages are differences of 3scale's own times")
    func ages() throws {
        let entity: JSONValue = [
            "id": 1, "service_id": 2, "plan_id": 3, "account_id": 4, "created_at": "2026-03-02T09:15:00Z",
            "updated_at": "2026-03-02T14:45:04+05:30",
        ]
        let date = HTTPDate.seconds("Mon, 02 Mar 2026 09:15:07 GMT") ?? 0
        let application = try ThreeScaleEntities.application(entity, at: date)
        #expect(application.age == 7 && application.unchangedFor == 3)
        #expect(try ThreeScaleEntities.account(["id": 1, "created_at": "2026-03-02T09:15:09Z"], at: date).age == 0)
        #expect(try ThreeScaleEntities.account(["id": 1, "created_at": "2026-03-02 09:15:09"], at: date).age == nil)
        #expect(try ThreeScaleEntities.account(["id": 1], at: date).age == nil)
    }

    @Test(
        "the base URL is found with and without the API's path",
        arguments: [
            "https://t.example.com", "https://t.example.com/", "https://t.example.com/admin/api",
            "https://t.example.com/admin/api/",
        ])
    func baseURL(_ url: String) {
        #expect(ThreeScaleConfiguration(url: url, accessToken: { "x" }).baseURL == "https://t.example.com")
    }
}
