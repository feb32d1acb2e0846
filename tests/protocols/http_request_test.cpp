#include "protocols/http/request.h"

#include <criterion/criterion.h>

#include "protocols/http/escape.h"
#include "protocols/http/host.h"
#include "protocols/http/limits.h"
#include "protocols/http/page.h"
#include "protocols/http/response.h"

using namespace sluice::http;

namespace {

/// A Request that is good; anything else fails the test.
Request read(std::string_view bytes) {
  RequestReader reader;
  const auto fed = reader.feed(bytes);
  cr_assert(fed.progress == RequestReader::Progress::request, "%s",
            std::string(reader.refusal().why).c_str());
  cr_expect(fed.taken == bytes.size());
  return reader.request();
}

/// With which status it is refused; 0 when it is not.
int refused(std::string_view bytes) {
  RequestReader reader;
  const auto fed = reader.feed(bytes);
  if (fed.progress != RequestReader::Progress::refused) return 0;
  cr_expect(!reader.refusal().why.empty());
  cr_expect(reader.feed("GET / HTTP/1.0\r\n\r\n").taken == 0);
  return reader.refusal().status;
}

/// The same with one header line more than it needs.
int refused_with(const std::string& line) {
  return refused("GET / HTTP/1.1\r\nHost: h\r\n" + line + "\r\n\r\n");
}

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

}  // namespace

Test(http_request, reads_line_and_headers) {
  const Request request = read(
      "GET /a%20b?c=%20d HTTP/1.1\r\nHost: localhost:8000\r\nX-Some:\t v w \r\nEmpty:\r\n\r\n");
  cr_expect(request.method == "GET");
  cr_expect(request.path == "/a b");
  cr_expect(request.query == "c=%20d");
  cr_expect(request.host == "localhost:8000");
  cr_expect(request.minor == 1 && request.keep_alive && request.body == 0);
  cr_expect(*request.find("x-some") == "v w");
  cr_expect(request.find("empty")->empty());
  cr_expect(request.find("missing") == nullptr);
}

Test(http_request, reads_the_same_however_it_is_cut) {
  const std::string bytes = "\r\nGET /x HTTP/1.0\nHost: h\r\nContent-Length: 5\n\nhello";
  const Request whole = read(bytes);
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    RequestReader reader;
    cr_assert(reader.feed(bytes.substr(0, cut)).progress == RequestReader::Progress::more);
    cr_assert(reader.feed(bytes.substr(cut)).progress == RequestReader::Progress::request);
    cr_expect(reader.request() == whole);
  }
}

Test(http_request, takes_one_of_several_and_leaves_the_rest) {
  const std::string first = "GET /1 HTTP/1.0\r\n\r\n", second = "HEAD /2 HTTP/1.0\r\n\r\n";
  RequestReader reader;
  cr_expect(reader.feed(first + second).taken == first.size());
  cr_expect(reader.feed(second).taken == 0);
  reader.next();
  cr_expect(!reader.begun());
  cr_expect(reader.feed(second).progress == RequestReader::Progress::request);
  cr_expect(reader.request().method == "HEAD");
}

Test(http_request, passes_over_empty_lines_and_does_not_call_them_a_request) {
  RequestReader reader;
  cr_expect(reader.feed("\r\n\n\r\n").progress == RequestReader::Progress::more);
  cr_expect(!reader.begun());
  cr_expect(reader.feed("G").progress == RequestReader::Progress::more);
  cr_expect(reader.begun());
}

Test(http_request, decodes_a_path_once_and_refuses_what_is_no_escape) {
  cr_expect(read(get("/%2541")).path == "/%41");
  cr_expect(read(get("/%2F..%2f")).path == "//../");
  cr_expect(read(get("/+")).path == "/+");
  cr_expect(read(get("/?%zz")).query == "%zz");
  for (const char* bad : {"/%", "/%4", "/%4g", "/%00", "/x%%41"}) {
    cr_expect(refused(get(bad)) == 400, "%s", bad);
  }
}

Test(http_request, knows_the_four_forms_of_a_target) {
  const Request absolute = read(get("http://Example.org:81/p?q"));
  cr_expect(absolute.host == "Example.org:81");
  cr_expect(absolute.path == "/p" && absolute.query == "q");
  cr_expect(read(get("HTTP://e")).path == "/");
  cr_expect(read(get("http://e?q")).query == "q");
  cr_expect(read("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").path == "*");
  cr_expect(read("CONNECT e:443 HTTP/1.1\r\nHost: h\r\n\r\n").host == "e:443");
  for (const char* bad :
       {"*", "x", "ftp://e/", "http:///p", "http://u@e/", "/a#b", "/a b", "/\x80"}) {
    cr_expect(refused(get(bad)) == 400, "%s", bad);
  }
}

Test(http_request, refuses_a_request_line_that_is_none) {
  for (const char* bad :
       {"GET\r\n", "GET /\r\n", "GET  HTTP/1.1\r\n", " GET / HTTP/1.1\r\n", "GET  / HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n", "GET / http/1.1\r\n", "GET / HTTP/1.10\r\n", "GET / HTTP/1\r\n",
        "G(T / HTTP/1.1\r\n", "GET /\rx HTTP/1.1\r\n", "GET\t/\tHTTP/1.1\r\n", "\x16\x03\x01"}) {
    cr_expect(refused(bad) == 400, "%s", bad);
  }
  cr_expect(refused("GET / HTTP/2.0\r\n") == 505);
  cr_expect(refused("GET / HTTP/0.9\r\n") == 505);
  cr_expect(refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
}

Test(http_request, refuses_header_lines_that_two_might_read_differently) {
  for (const char* bad : {"Name : v",
                          " Name: v",
                          "\tfolded",
                          "no colon",
                          ": v",
                          "Na me: v",
                          "N\xc3\xa4me: v",
                          "A: b\rc",
                          "A: b\x01",
                          "A: b\x7f",
                          "Host: second",
                          "Content-Length: 1\r\nContent-Length: 1",
                          "Content-Length: +1",
                          "Content-Length: -1",
                          "Content-Length: 1, 1",
                          "Content-Length:",
                          "Content-Length: 0x1",
                          "Content-Length: 1 1",
                          "Content-Length: 1\r\nTransfer-Encoding: chunked",
                          "Transfer-Encoding: chunked\r\nContent-Length: 1"}) {
    cr_expect(refused_with(bad) == 400, "%s", bad);
  }
  cr_expect(refused_with(std::string("A: b\0c", 6)) == 400);
  cr_expect(refused_with("Transfer-Encoding: chunked") == 501);
  cr_expect(refused_with("Transfer-Encoding: identity") == 501);
  cr_expect(refused("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
  cr_expect(refused_with("A: \xc3\xa4\tb") == 0);
}

Test(http_request, needs_a_host_from_http_1_1_on) {
  cr_expect(refused("GET / HTTP/1.1\r\n\r\n") == 400);
  cr_expect(refused("GET http://e/ HTTP/1.1\r\n\r\n") == 400);
  cr_expect(refused("GET / HTTP/1.0\r\n\r\n") == 0);
  cr_expect(refused("GET / HTTP/1.1\r\nHost:\r\n\r\n") == 0);
  for (const char* bad : {"a b", "a/b", "u@h", "h:x", "[::1", "[]", "a]b", "a:b:1", "<h>"}) {
    cr_expect(refused("GET / HTTP/1.1\r\nHost: " + std::string(bad) + "\r\n\r\n") == 400, "%s",
              bad);
  }
}

Test(http_request, bounds_line_head_lines_and_body) {
  const std::string request = "GET / HTTP/1.1\r\nHost: h\r\n";
  const std::size_t line = limits::kLineBytes - std::string_view("GET / HTTP/1.1\r\n").size();
  cr_expect(refused(get("/" + std::string(line, 'x'))) == 0);
  cr_expect(refused(get("/" + std::string(line + 1, 'x'))) == 414);
  const std::size_t rest =
      limits::kHeadBytes - request.size() - std::string_view("A:\r\n\r\n").size();
  cr_expect(refused(request + "A:" + std::string(rest, 'x') + "\r\n\r\n") == 0);
  cr_expect(refused(request + "A:" + std::string(rest + 1, 'x') + "\r\n\r\n") == 431);
  std::string lines = request;
  for (std::size_t i = 1; i < limits::kHeaders; ++i) lines += "A:b\n";
  cr_expect(refused(lines + "\n") == 0);
  cr_expect(refused(lines + "A:b\n\n") == 431);
  const auto with_body = [&](const std::string& size) {
    return refused(request + "Content-Length: " + size + "\r\n\r\n");
  };
  cr_expect(with_body(std::to_string(limits::kBodyBytes)) == 0);
  cr_expect(with_body(std::to_string(limits::kBodyBytes + 1)) == 413);
  cr_expect(with_body("99999999999999999999999") == 413);
}

Test(http_request, holds_no_more_of_an_endless_line_than_its_bound) {
  RequestReader reader;
  cr_expect(reader.feed(std::string(1 << 20, 'x')).taken <= limits::kLineBytes);
  cr_expect(reader.refusal().status == 414);
}

Test(http_request, throws_a_body_away_and_finds_the_next_request) {
  RequestReader reader;
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n";
  const auto fed = reader.feed(post + "GET / HTTP/1.1\r\n\r\n12GET");
  cr_expect(fed.progress == RequestReader::Progress::request);
  cr_expect(fed.taken == post.size() + 20);
}

Test(http_request, keeps_a_connection_as_its_version_and_headers_say) {
  const auto kept = [](const std::string& version, const std::string& lines) {
    return read("GET / HTTP/" + version + "\r\nHost: h\r\n" + lines + "\r\n").keep_alive;
  };
  cr_expect(kept("1.1", ""));
  cr_expect(!kept("1.0", ""));
  cr_expect(kept("1.9", ""));
  cr_expect(!kept("1.1", "Connection: Close\r\n"));
  cr_expect(!kept("1.1", "Connection: x, close ,y\r\n"));
  cr_expect(kept("1.1", "Connection: closed\r\n"));
  cr_expect(kept("1.0", "Connection: Keep-Alive\r\n"));
  cr_expect(!kept("1.0", "Connection: keep-alive\r\nConnection: close\r\n"));
}

Test(http_request, waits_for_no_body_that_waits_for_an_answer) {
  const Request request =
      read("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n");
  cr_expect(request.expects_continue && !request.keep_alive);
  cr_expect(refused_with("Expect: miracles") == 417);
}

Test(http_host, is_local_when_no_page_from_elsewhere_can_have_it) {
  for (const char* local : {"localhost", "LOCALHOST:8000", "localhost.", "a.localhost", "127.0.0.1",
                            "127.0.0.1:80", "[::1]", "[::1]:8000", "192.0.2.1", "box", "Box:80"}) {
    cr_expect(is_local_name(local), "%s", local);
  }
  for (const char* other : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "",
                            "box.lan", ":80", "0x7f.1", "."}) {
    cr_expect(!is_local_name(other), "%s", other);
  }
}

Test(http_response, has_the_headers_that_every_answer_has) {
  const std::string head = encode_head({.body = "hello"}, {.date = 1795248240});
  cr_expect(head ==
                "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 08:04:00 GMT\r\n"
                "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
                "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n",
            "%s", head.c_str());
}

Test(http_response, says_what_becomes_of_the_connection) {
  const auto has = [](Framing framing, std::string_view line) {
    return encode_head({}, framing).contains(line);
  };
  cr_expect(!has({}, "Connection:"));
  cr_expect(has({.close = true}, "Connection: close\r\n"));
  cr_expect(has({.minor = 0}, "Connection: keep-alive\r\n"));
  cr_expect(has({.minor = 0, .close = true}, "Connection: close\r\n"));
  cr_expect(has({.endless = true}, "Connection: close\r\n"));
  cr_expect(!has({.endless = true}, "Content-Length"));
}

Test(http_response, repeats_nothing_unprintable) {
  cr_expect(sentence(404, "there is no /\x1b[2J\r\n").body ==
            "404 Not Found: there is no /\\x1b[2J\\x0d\\x0a\n");
}

Test(http_escape, leaves_nothing_that_ends_the_text_it_stands_in) {
  cr_expect(html_escaped("<a b='c' d=\"&\">\n") ==
            "&lt;a b=&#39;c&#39; d=&quot;&amp;&quot;&gt;\\x0a");
  cr_expect(json_escaped("\"\\\n\xff") == "\\\"\\\\\\\\x0a\\\\xff");
  cr_expect(label_escaped("a\"b") == "a\\\"b");
}

Test(http_escape, writes_base64) {
  cr_expect(base64("") == "");
  cr_expect(base64("f") == "Zg==");
  cr_expect(base64("fo") == "Zm8=");
  cr_expect(base64("foobar") == "Zm9vYmFy");
  cr_expect(base64("\xff\xfe\xfd") == "//79");
}

Test(http_page, rounds_bytes_for_people) {
  cr_expect(human_bytes(0) == "0 B");
  cr_expect(human_bytes(999) == "999 B");
  cr_expect(human_bytes(1000) == "1.0 kB");
  cr_expect(human_bytes(1050) == "1.1 kB");
  cr_expect(human_bytes(999'949) == "999.9 kB");
  cr_expect(human_bytes(999'950) == "1.0 MB");
  cr_expect(human_bytes(2'449'000'000) == "2.4 GB");
  cr_expect(human_bytes(UINT64_MAX) == "18.4 EB");
}

Test(http_page, runs_no_other_script_than_its_own) {
  Overview overview;
  overview.services.push_back({.name = "<script>x</script>", .address = "\"&", .trouble = ""});
  const Response response = Page().show(overview);
  const std::string& body = response.body;
  cr_expect(!body.contains("<script>x"));
  cr_expect(body.contains("&lt;script&gt;x&lt;/script&gt;<small>&quot;&amp;</small>"));
  const std::string& policy = response.headers.at(0).value;
  cr_expect(policy.contains("default-src 'none'"));
  cr_expect(!policy.contains("unsafe"));
}
