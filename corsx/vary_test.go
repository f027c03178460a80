package corsx

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

func TestVaryIsMergedIntoOneLine(t *testing.T) {
	p := mustNew(t, origins(exactOrigin))
	for _, tc := range []struct {
		name     string
		upstream []string
		want     string
	}{
		{"upstream has none", nil, "Origin"},
		{"an empty line", []string{""}, "Origin"},
		{"upstream has another member", []string{"Accept-Encoding"}, "Accept-Encoding, Origin"},
		{"upstream has it already", []string{"Origin"}, "Origin"},
		{"upstream has it in lower case", []string{"accept, origin"}, "accept, origin"},
		{"several lines become one", []string{"Accept", "Accept-Language"}, "Accept, Accept-Language, Origin"},
		{"doubles in one line", []string{"Accept, accept,ACCEPT"}, "Accept, Origin"},
		{"doubles over lines", []string{"Accept", "Origin,accept"}, "Accept, Origin"},
		{"spaces and empty members", []string{" ,\tAccept\t,, Cookie ,"}, "Accept, Cookie, Origin"},
		{"a star stays alone", []string{"*"}, "*"},
		{"a star covers the others", []string{"Accept", "Cookie, *"}, "*"},
		{"a name that begins like Origin", []string{"Origin-Agent-Cluster"}, "Origin-Agent-Cluster, Origin"},
		{"what is no name is dropped", []string{"Acc ept, Cookie", "a\r\nb"}, "Cookie, Origin"},
		{"exactly the bound", []string{many(maxVary)}, strings.ReplaceAll(many(maxVary), ",", ", ") + ", Origin"},
		{"more than the bound", []string{many(maxVary + 1)}, "*"},
		{"doubles up to the bound", []string{strings.Repeat("a,", maxVary)}, "a, Origin"},
		{"doubles beyond the bound", []string{strings.Repeat("a,", maxVary), "a"}, "*"},
		{"empty members are none", []string{strings.Repeat(",", 10*maxVary) + "a"}, "a, Origin"},
		{"exactly the bound of bytes", []string{strings.Repeat("a", maxVaryBytes)}, strings.Repeat("a", maxVaryBytes) + ", Origin"},
		{"more bytes than the bound", []string{"b", strings.Repeat("a", maxVaryBytes)}, "*"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := string(p.AppendVary([]byte("A: b\r\n"), lines(tc.upstream)))
			if want := "A: b\r\nVary: " + tc.want + "\r\n"; got != want {
				t.Errorf("AppendVary(%q)\n got  %q\n want %q", tc.upstream, got, want)
			}
		})
	}
}

// FuzzAppendVary holds: one line comes out; each member once; none of
// upstream's is lost unless all are covered by "*"; a second pass changes
// nothing.
func FuzzAppendVary(f *testing.F) {
	for _, seed := range []string{"", "*", "Origin", "Accept\nCookie, origin", "a,,b, ,\t", "a b, c\r", "é,\x00", many(70)} {
		f.Add(seed)
	}
	p := mustNew(f, origins(exactOrigin))
	f.Fuzz(func(t *testing.T, upstream string) {
		values := lines(strings.Split(upstream, "\n"))
		out := p.AppendVary(nil, values)
		fields := parse(t, out)
		if len(fields) != 1 || len(fields["Vary"]) != 1 {
			t.Fatalf("%q: not one line: %q", upstream, out)
		}
		if again := p.AppendVary(nil, lines(fields["Vary"])); !bytes.Equal(again, out) && strings.Count(string(out), ",") < maxVary {
			t.Fatalf("%q: %q becomes %q", upstream, out, again)
		}
		seen := map[string]bool{}
		for _, m := range strings.Split(fields.Get("Vary"), ", ") {
			if seen[strings.ToLower(m)] || !isToken(m) {
				t.Fatalf("%q: member %q in %q", upstream, m, out)
			}
			seen[strings.ToLower(m)] = true
		}
		if seen["*"] != (len(seen) == 1 && !seen["origin"]) || !seen["*"] && !seen["origin"] {
			t.Fatalf("%q: %q lacks Origin, or * is not alone", upstream, out)
		}
		for _, v := range values {
			for m := range strings.SplitSeq(string(v), ",") {
				m = strings.Trim(m, " \t")
				if isToken(m) && !seen[strings.ToLower(m)] && !seen["*"] {
					t.Fatalf("%q: member %q is lost in %q", upstream, m, out)
				}
			}
		}
	})
}

func many(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = "x-" + strconv.Itoa(i)
	}
	return strings.Join(names, ",")
}

func lines(values []string) [][]byte {
	var out [][]byte
	for _, v := range values {
		out = append(out, []byte(v))
	}
	return out
}

func ExamplePolicy_AppendVary() {
	p, _ := New(Options{AllowedOrigins: []string{"https://chat.example.com"}})
	fmt.Printf("%s", p.AppendVary(nil, [][]byte{[]byte("Accept-Encoding"), []byte("accept-encoding")}))
	// Output: Vary: Accept-Encoding, Origin
}
