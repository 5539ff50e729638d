import JSON
import Testing

@Suite("The JSON reader")
struct JSONReaderTests {
    @Test(
        "takes what RFC 8259 allows",
        arguments: [
            "null", " true ", "[]", "{}", "0", "-0", "1.5e-3", "1E400", #""""#, #""\u00e9\ud83d\ude00\/\b""#,
            "[1,[2,{\"a\":[]}]]",
            "{\"a\":1,\"b\":null}", "\t\r\n[ 1 , 2 ]\n", "\"\u{7F}\"",
        ])
    func accepts(_ text: String) {
        #expect(throws: Never.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test(
        "refuses what it does not",
        arguments: [
            "", " ", "nul", "truex", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}",
            "01",
            "1.", ".5", "+1", "-", "1e", "1e+", "0x1", "NaN", "Infinity", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\u{1}\"", "\"\n\"", "[1]]", "1 1", "\u{FEFF}1", "//",
            "[1/**/]",
            #"{"a":1,"a":2}"#, #"{"sub":1,"\u0073ub":2}"#,
        ])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test(
        "refuses what is not UTF-8",
        arguments: [[0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]])
    func encoding(_ bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    }

    @Test("every prefix of a document is an error, never a trap")
    func truncation() throws {
        let text = #"{"a":[1,-2.5e+3,true,false,null,"x\u00e9\n"],"b":{"c":"d"}}"#
        let bytes = Array(text.utf8)
        for count in 0..<bytes.count {
            #expect(throws: JSONError.self) { try JSONValue(parsing: Array(bytes[..<count])) }
        }
        #expect(try JSONValue(parsing: bytes)["b"]?["c"]?.string == "d")
    }

    @Test("is bounded in depth, size and number of values")
    func limits() {
        let limits = JSONLimits(maxDepth: 3, maxBytes: 20, maxValues: 5)
        func read(_ text: String) throws { _ = try JSONValue(parsing: Array(text.utf8), limits: limits) }
        #expect(throws: Never.self) { try read("[[[]]]") }
        #expect(throws: JSONError.self) { try read("[[[[]]]]") }
        #expect(throws: Never.self) { try read("[1,2,3,4]") }
        #expect(throws: JSONError.self) { try read("[1,2,3,4,5]") }
        #expect(throws: JSONError.self) { try read(String(repeating: " ", count: 20) + "1") }
        #expect(throws: JSONError.self) {
            try JSONValue(parsing: [UInt8](repeating: 0x5B, count: 1_000_000))
        }
    }

    @Test(
        "keeps numbers exact until a reader says what type they have",
        arguments: [
            ("1", 1), ("1.0", 1), ("1e3", 1_000), ("-0", 0), ("9223372036854775807", Int.max), ("1.5", nil),
            ("1e400", nil),
            ("9999999999999999999", nil), ("9223372036854775808", nil), ("1e19", nil),
        ])
    func integers(_ text: String, _ number: Int?) throws {
        #expect(try JSONValue(parsing: Array(text.utf8)).int == number)
    }

    @Test(
        "reads numbers at the edges of Int64 as what they are, or as none",
        arguments: [
            ("9223372036854775806", Int.max - 1), ("-9223372036854775808", Int.min), ("-9223372036854775809", nil),
            ("9223372036854775807.0", nil), ("-9223372036854775808.0", nil), ("9223372036854775807e0", nil),
            ("9.223372036854775807e18", nil), ("18446744073709551615", nil), ("18446744073709551616", nil),
            ("9007199254740992.0", 9_007_199_254_740_992), ("9007199254740994.0", nil), ("1e18446744073709551616", nil),
            ("-1e99999999999999999999", nil), ("1e-99999999999999999999", 0), ("0e99999999999999999999", 0),
        ] as [(String, Int?)])
    func edges(_ text: String, _ number: Int?) throws {
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(value.int == number)
        #expect(value.double?.isFinite != false)
    }

    @Test("tells names apart by their bytes, however many are canonically equivalent")
    func equivalentNames() throws {
        // Ten characters, each composed or not: 1,024 names that `String` takes for one.
        let names = (0..<1_024).map { number in
            (0..<10).map { number >> $0 & 1 == 0 ? "\u{E9}" : "e\u{301}" }.joined()
        }
        let text = "{" + names.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",") + "}"
        let object = try #require(try JSONValue(parsing: Array(text.utf8)).object)
        #expect(object.members.count == 1_024)
        for (number, name) in names.enumerated() { #expect(object[name]?.int == number) }
        let twice = Array((text.dropLast() + ",\"\(names[7])\":0}").utf8)
        #expect(throws: JSONError.self) { try JSONValue(parsing: twice) }
    }

    @Test("keeps an object right as members come and go", arguments: [5, 6, 7, 8, 63, 64, 65, 66, 100])
    func changes(_ count: Int) {
        var object = JSONObject()
        for number in 0..<count { object["k\(number)"] = .int(number) }
        for number in stride(from: 0, to: count, by: 2) { object["k\(number)"] = nil }
        for number in 0..<count { object["k\(number)"] = .int(-number) }
        #expect(object.members.count == count)
        for number in 0..<count { #expect(object["k\(number)"]?.int == -number) }
    }

    @Test(
        "reads members that are not selected as strictly as the others",
        arguments: [
            "1", "[1,[2,{}]]", #""\u00e9""#, #"{"a":{"b":"c"},"d":[]}"#, "-2.5e3", "nul", "01", "[1,]",
            #"{"a":1,"a":2}"#,
            #"{"a":[{"b":1,"b":2}]}"#, #""\ud800""#, "\"\u{1}\"", "\"", "[", "1e400", #"{"a":{"a":1}}"#,
        ])
    func selection(_ value: String) throws {
        let wanted = JSONSelection(["sub", "list"])
        let text = Array(#"{"sub":"ada","other":\#(value),"list":[1,{"other":"kept"}],"other2":"x"}"#.utf8)
        guard let all = try? JSONValue(parsing: text) else {
            #expect(throws: JSONError.self) { try JSONValue(parsing: text, keeping: wanted) }
            return
        }
        let some = try JSONValue(parsing: text, keeping: wanted)
        #expect(some["sub"] == all["sub"] && some["list"] == all["list"] && some["list"] != nil)
        #expect(some["other"] == .null && some["other2"] == .null && some["none"] == nil)
    }

    @Test(
        "refuses a name that is there twice, whether it is wanted or not, in an object of any size",
        arguments: [1, 6, 7, 40, 64, 65, 200])
    func duplicates(_ count: Int) throws {
        let members = (0..<count).map { "\"m\($0)\":\($0)" }
        let text = "{\(members.joined(separator: ","))}"
        let selection = JSONSelection(["m0", "m5"])
        #expect(try JSONValue(parsing: Array(text.utf8))["m\(count - 1)"]?.int == count - 1)
        #expect(try JSONValue(parsing: Array(text.utf8))["m\(count)"] == nil)
        for name in Set([0, count / 2, count - 1]) {
            let twice = Array("{\((members + ["\"m\(name)\":1"]).joined(separator: ","))}".utf8)
            #expect(throws: JSONError.self) { try JSONValue(parsing: twice) }
            #expect(throws: JSONError.self) { try JSONValue(parsing: twice, keeping: selection) }
        }
    }

    @Test("a number beyond a Double is none")
    func hugeDouble() throws {
        #expect(try JSONValue(parsing: Array("1e400".utf8)).double == nil)
        #expect(try JSONValue(parsing: Array("1790000300.5".utf8)).double == 1_790_000_300.5)
    }

    @Test("finds members of large objects too, the first as the last")
    func largeObject() throws {
        let text = "{" + (0..<2_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(value["k0"]?.int == 0 && value["k1999"]?.int == 1_999 && value["k2000"] == nil)
    }

    @Test("what is written is read back")
    func roundTrip() throws {
        let value: JSONValue = ["text": "é\"\\\n\u{1}😀", "list": [1, 2.5, true, nil], "empty": [:], "none": []]
        for pretty in [false, true] {
            #expect(try JSONValue(parsing: value.encoded(pretty: pretty)) == value)
        }
    }

    @Test("a writer puts commas and colons where they belong")
    func writer() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("a")
        writer.beginArray()
        writer.int(1)
        writer.string("x")
        writer.endArray()
        writer.name("b")
        writer.bool(false)
        writer.endObject()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"a":[1,"x"],"b":false}"#)
    }
}
