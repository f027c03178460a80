package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// found is what a scan comes to.
type found struct {
	value string // of model; empty: none
	whole bool   // the body ended where it should
	err   error
}

// scanJSON scans a body in pieces that end at the given places and at its end.
func scanJSON(body []byte, ends ...int) (out found) {
	var s jsonScan
	for _, end := range append(ends, len(body)) {
		if out.err = s.scan(body[:end]); out.err != nil {
			return out
		}
	}
	if s.found {
		out.value = string(body[s.value.start:s.value.end])
	}
	out.whole = s.state == jsonEnd
	return out
}

// eachByte ends a piece behind every byte.
func eachByte(body []byte) []int {
	ends := make([]int, len(body))
	for i := range ends {
		ends[i] = i
	}
	return ends
}

func TestScanJSON(t *testing.T) {
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	for _, tc := range []struct {
		name, body string
		want       found
	}{
		{"first", `{"model":"a","b":1}`, found{`"a"`, true, nil}},
		{"last", `{"b":[{"model":"x"},"\\",{"c":"]"}],"model":"a"}`, found{`"a"`, true, nil}},
		{"alone, with space everywhere", " {\t\"model\" :\r\n\"a\" } \n", found{`"a"`, true, nil}},
		{"in escapes", `{"\u006d\u006F\u0064\u0065\u006c":"a"}`, found{`"a"`, true, nil}},
		{"a value with quotes", `{"model":"\"\\\u0022"}`, found{`"\"\\\u0022"`, true, nil}},
		{"null", `{"model":null}`, found{`null`, true, nil}},
		{"null with space behind", `{"model":null }`, found{`null`, true, nil}},
		{"a byte order mark", "\xef\xbb\xbf{\"model\":\"a\"}", found{`"a"`, true, nil}},
		{"bytes that are no UTF-8", "{\"\xff\xfemodel\":\"\xff\",\"model\":\"\xc3\"}", found{"\"\xc3\"", true, nil}},
		{"NUL in a key", "{\"mod\x00el\":1}", found{"", true, nil}},
		{"an empty object", `{}`, found{"", true, nil}},
		{"other keys", `{"Model":1,"models":2,"mode":3,"":4,"\u006dodels":5,"\\u006dodel":6}`, found{"", true, nil}},
		{"below only", `{"a":{"model":"x"},"b":[[{"model":"y"}]]}`, found{"", true, nil}},
		{"scalars", `{"a":-1.5e+3,"b":true,"c":false,"model":"x","d":null}`, found{`"x"`, true, nil}},
		{"a million backslashes", `{"a":"` + strings.Repeat(`\\`, 1<<19) + `","model":"a"}`, found{`"a"`, true, nil}},
		{"a million quotes", `{"a":"` + strings.Repeat(`\"`, 1<<19) + `","model":"a"}`, found{`"a"`, true, nil}},
		{"a hundred thousand lists", `{"a":` + deep + `,"model":"a"}`, found{`"a"`, true, nil}},
		{"a hundred thousand objects without end", `{"a":` + strings.Repeat(`{"a":`, 100_000), found{}},
		{"a key without end", `{"` + strings.Repeat("model", 100_000), found{}},
		{"cut in the value", `{"model":"a`, found{}},
		{"cut behind it", `{"model":"a"`, found{value: `"a"`}},

		{"twice", `{"model":"a","b":{},"model":"a"}`, found{err: errModelTwice}},
		{"twice, once in escapes", `{"model":"a","mode\u006c":"b"}`, found{err: errModelTwice}},
		{"null and another", `{"model":null,"model":"b"}`, found{err: errModelTwice}},
		{"a number", `{"model":4}`, found{err: errNotText}},
		{"a truth value", `{"model":true}`, found{err: errNotText}},
		{"nul", `{"model":nul}`, found{err: errNotText}},
		{"a list", `{"model":["a"]}`, found{err: errNotText}},
		{"an object", `{"model":{"model":"a"}}`, found{err: errNotText}},
		{"an escape that is none, in a key", `{"\model":"a"}`, found{err: errEscape}},
		{"half an escape in a key", `{"\u006":"a"}`, found{err: errEscape}},
		{"a list around", `[{"model":"a"}]`, found{err: errNotJSON}},
		{"a text", `"model"`, found{err: errNotJSON}},
		{"null alone", `null`, found{err: errNotJSON}},
		{"half a byte order mark", "\xef\xbb{}", found{err: errNotJSON}},
		{"space in a byte order mark", "\xef   {}", found{err: errNotJSON}},
		{"space behind a byte order mark", "\xef\xbb\xbf {}", found{"", true, nil}},
		{"two byte order marks", "\xef\xbb\xbf\xef\xbb\xbf{}", found{err: errNotJSON}},
		{"UTF-16", "{\x00\"\x00m\x00", found{err: errNotJSON}},
		{"UTF-16 with its mark", "\xff\xfe{\x00", found{err: errNotJSON}},
		{"NUL in front", "\x00{}", found{err: errNotJSON}},
		{"a second object", `{"model":"a"}{"model":"b"}`, found{err: errNotJSON}},
		{"a comma in front", `{,"model":"a"}`, found{err: errNotJSON}},
		{"a comma at the end", `{"model":"a",}`, found{err: errNotJSON}},
		{"no comma", `{"a":1"model":"a"}`, found{err: errNotJSON}},
		{"no comma behind a text", `{"a":"b""model":"a"}`, found{err: errNotJSON}},
		{"no colon", `{"model" "a"}`, found{err: errNotJSON}},
		{"no value", `{"a":,"model":"b"}`, found{err: errNotJSON}},
		{"no value for model", `{"model":}`, found{err: errNotJSON}},
		{"a key without quotes", `{model:"a"}`, found{err: errNotJSON}},
		{"other quotes", `{"a":'x,"model":"b"'}`, found{err: errNotJSON}},
		{"a comment", `{/* "a":1 */"model":"a"}`, found{err: errNotJSON}},
		{"a bracket that closes nothing", `{"a":1],"model":"a"}`, found{err: errNotJSON}},
		{"a form", "--XX\r\nContent-Disposition: form-data", found{err: errNotJSON}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := []byte(tc.body)
			if got := scanJSON(body); got != tc.want {
				t.Errorf("%.80q: got %+v, want %+v", body, got, tc.want)
			}
			if got := scanJSON(body, eachByte(body)...); got != tc.want {
				t.Errorf("%.80q byte by byte: got %+v, want %+v", body, got, tc.want)
			}
		})
	}
}

// members returns the values of every outermost model as encoding/json reads them.
func members(t *testing.T, body []byte) (values []any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if key == "model" {
			values = append(values, value)
		}
	}
	return values
}

// FuzzJSON holds the scan to encoding/json, and that it comes to the same wherever the
// pieces end.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		first, last, `{}`, `[]`, ``, `{"model":null}`, `{"model":1,"model":2}`, "\xef\xbb\xbf{\"a\":\"\\\\\"}", `{"\u006dodel":"\ud83d\ude00"}`,
		`{"a":{"b":[1,{"c":"\"}"}]},"model":"x"}`, "{\"\xff\":\"\xff\"}", `{"a":1e5 ,"b":-0.1,"model" : "\/" }`, `{"a":[}]`,
	} {
		f.Add([]byte(seed), uint16(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, cut uint16) {
		got := scanJSON(body)
		if again := scanJSON(body, min(int(cut), len(body))); again != got {
			t.Errorf("%q: got %+v, cut at %d %+v", body, got, cut, again)
		}
		if again := scanJSON(body, eachByte(body)...); again != got {
			t.Errorf("%q: got %+v, byte by byte %+v", body, got, again)
		}
		plain := bytes.TrimPrefix(body, []byte(byteOrderMark))
		if json.Valid(plain) {
			if want := wanted(t, plain); fmt.Sprint(want) != fmt.Sprint(got) {
				t.Errorf("%q: got %+v, encoding/json says %+v", body, got, want)
			}
		} else if got.whole && len(got.value) > 0 && got.value[0] != '"' && got.value != "null" {
			t.Errorf("%q: found %q", body, got.value)
		}
	})
}

// wanted is what the scan has to find in a text that encoding/json accepts.
func wanted(t *testing.T, body []byte) found {
	t.Helper()
	if bytes.TrimLeft(body, " \t\r\n")[0] != '{' {
		return found{err: errNotJSON}
	}
	values := members(t, body)
	for i, v := range values {
		_, text := v.(string)
		if i > 0 {
			return found{err: errModelTwice}
		}
		if !text && v != nil {
			return found{err: errNotText}
		}
	}
	if len(values) == 0 {
		return found{whole: true}
	}
	got := scanJSON(body)
	var again any
	if err := json.Unmarshal([]byte(got.value), &again); err != nil || again != values[0] {
		t.Errorf("%q: %q is %v, %v; want %v", body, got.value, again, err, values[0])
	}
	return found{value: got.value, whole: true}
}

// FuzzUnquote holds the reading of escapes to encoding/json.
func FuzzUnquote(f *testing.F) {
	for _, seed := range []string{`a`, `\u0061`, `\ud83d\ude00`, `\ud83d`, `\n\/\"`, `\x`, `\`, "\xff", `\u00`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 100 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\ufffd' }) {
			return // not JSON, or replaced there
		}
		if strings.Count(strings.ReplaceAll(text, `\\`, ""), `"`) > strings.Count(strings.ReplaceAll(text, `\\`, ""), `\"`) {
			return // a quote that ends it
		}
		var want string
		err := json.Unmarshal([]byte(`"`+text+`"`), &want)
		var room [600]byte
		got, fits, ok := unquote(room[:], []byte(text))
		if ok != (err == nil) || ok && !fits {
			t.Fatalf("%q: ok %v, fits %v, but %v", text, ok, fits, err)
		}
		if ok && string(got) != want && !strings.Contains(want, "\ufffd") && !strings.Contains(text, `\ud`) && !strings.Contains(text, `\uD`) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	})
}
