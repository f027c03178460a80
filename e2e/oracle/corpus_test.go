//go:build e2e

package oracle

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// sample is what one side of a story says, as bytes.
type sample struct {
	name   string // of the story
	bytes  []byte
	method string // of the story's request
	ending string // of the connection: close, reset, or nothing
}

var (
	passed    = regexp.MustCompile(`^<(flush|pause|response|head|hang|left|request|early|expect \d+|got \d+)>$`)
	ended     = regexp.MustCompile(`^<(close|reset|cut)>$`)
	chunk     = regexp.MustCompile(`^<chunk (".*")>$`)
	filler    = regexp.MustCompile(`^<bytes (\d+) (.)>$`)
	quoted    = regexp.MustCompile(`^".*"$`)
	secrets   = strings.NewReplacer("{EDGE}", "edge", "{UPSTREAM}", "upstream", "{TOKEN}", jws, "{TOKEN2}", jws, "{JWE}", jws+".a2V5.dGFn")
	firstName = regexp.MustCompile(`^[A-Z]+`)
)

const jws = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"

// stories returns what the sections of a name say in all stories of e2e/wire, as
// far as it can be said without listening. Where in time the parts are said is
// left out: the bytes are what parsers read.
func stories(t *testing.T, section string) (all []sample) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "wire", "testdata", "*", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(file)) + "/" + strings.TrimSuffix(filepath.Base(file), ".txtar")
		method := "POST"
		for _, f := range archive.Files {
			if strings.HasPrefix(f.Name, "client.send") {
				method = firstName.FindString(strings.TrimSpace(string(f.Data)))
			}
			kind, raw := strings.CutSuffix(f.Name, ".raw")
			if kind != section {
				continue
			}
			if text, ending, ok := spell(secrets.Replace(string(f.Data)), raw); ok {
				all = append(all, sample{name, text, method, ending})
			}
		}
	}
	return all
}

// spell returns the bytes of a script. ok is false if it has to listen or ends in
// the middle.
func spell(text string, raw bool) (_ []byte, ending string, ok bool) {
	var out bytes.Buffer
	if !strings.HasSuffix(text, "\n\n") {
		text = strings.TrimSuffix(text, "\n")
	}
	for line := range strings.Lines(text) {
		content := strings.TrimSuffix(line, "\n")
		switch {
		case ended.MatchString(content):
			ending = ended.FindStringSubmatch(content)[1]
		case passed.MatchString(content):
		case content == "<last-chunk>":
			out.WriteString("0\r\n\r\n")
		case chunk.MatchString(content):
			data := unquote(chunk.FindStringSubmatch(content)[1])
			fmt.Fprintf(&out, "%x\r\n%s\r\n", len(data), data)
		case filler.MatchString(content):
			parts := filler.FindStringSubmatch(content)
			n, _ := strconv.Atoi(parts[1])
			out.WriteString(strings.Repeat(parts[2], n))
		case strings.HasPrefix(content, "<") && strings.HasSuffix(content, ">"):
			return nil, "", false
		case quoted.MatchString(content):
			out.WriteString(unquote(content))
		case raw:
			out.WriteString(unquote(`"` + strings.ReplaceAll(content, `"`, `\"`) + `"`))
		default:
			out.WriteString(strings.ReplaceAll(line, "\n", "\r\n"))
		}
	}
	return out.Bytes(), ending, out.Len() > 0
}

// unquote panics where a story could not be told either.
func unquote(text string) string {
	plain, err := strconv.Unquote(text)
	if err != nil {
		panic(fmt.Sprintf("%s is no quoted string", text))
	}
	return plain
}
