package relay

import (
	"bytes"
	"io"
	"net/http/httputil"
	"strings"
	"testing"
)

// reframed is what stands in front of the seam, with data in place of what was raw.
func reframed(s Seam, raw []byte, data string) []byte {
	return s.AppendEnd(append(s.AppendLine(nil, int64(len(data))), data...), raw)
}

// TestReframing replaces what has come of a body in chunks, wherever that ends, and
// holds that a reader of the whole finds the new data and then the rest as it was.
func TestReframing(t *testing.T) {
	const new = "data that has another length"
	for _, body := range []string{
		"5\r\nhello\r\n6;a=b\r\n, you \r\n1\r\n!\r\n0\r\n\r\n",
		"1a\r\n" + "abcdefghijklmnopqrstuvwxyz" + "\r\n0;x\r\n\r\n",
		"3\r\na\nb\r\n0\r\nX: y\r\n\r\n",
	} {
		for cut := 1; cut <= len(body); cut++ {
			var data []byte
			var track Tracker
			track.Begin(Chunked, nil)
			track.Strict()
			track.Collect(&data)
			pass := 0
			for i := range cut { // a piece for each byte, to come through every state
				n, err := track.Scan([]byte(body[i : i+1]))
				if err != nil {
					t.Fatal(err)
				}
				if pass += n; n == 0 {
					break // in the trailer section, or behind the end
				}
			}
			if len(data) == 0 {
				continue
			}
			seam := track.Seam()
			out := reframed(seam, []byte(body[:pass]), new)
			from := pass
			if track.Done() {
				pass = len(body)
			}
			in := bytes.NewReader(append(out, body[pass:]...))
			got, err := io.ReadAll(httputil.NewChunkedReader(in))
			whole, _ := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader([]byte(body))))
			if want := new + string(whole[len(data):]); err != nil || string(got) != want {
				t.Errorf("%q cut at %d: got %q, %v, want %q", body, cut, got, err, want)
			}
			first := out[:len(out):len(out)]
			_, _ = track.Scan([]byte(body[pass:])) // for another upstream it begins again, wherever the body has come
			if again := reframed(seam, []byte(body[:from]), new); string(again) != string(first) {
				t.Errorf("%q cut at %d: got %q the second time, want %q", body, cut, again, first)
			}
		}
	}
}

// TestContent holds that the data of a body is found wherever it is cut in two, and as far as
// it has come.
func TestContent(t *testing.T) {
	const body, data = "3\r\nabc\r\n2;x=y\r\nde\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n", "abcde0123456789"
	for end := range len(body) + 1 {
		want, _ := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(body[:end])))
		for cut := range end + 1 {
			if got := Content([]byte(body[:cut]), []byte(body[cut:end])); string(got) != string(want) {
				t.Errorf("%q and %q: got %q, want %q", body[:cut], body[cut:end], got, want)
			}
		}
	}
	if got := Content([]byte(body)); string(got) != data {
		t.Errorf("%q: got %q, want %q", body, got, data)
	}
}
