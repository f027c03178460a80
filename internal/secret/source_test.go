package secret

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestOnlyReferencesAreParsed(t *testing.T) {
	const (
		literal  = "a secret must not stand in the configuration itself (the value is not shown here); write env:NAME for an environment variable, file:/path for a file that holds it, or keyvault:https://VAULT/secrets/NAME"
		variable = "env: must be followed by the name of an environment variable: letters, digits and underscores, not beginning with a digit"
		absolute = "file: must be followed by an absolute path, for example file:/run/secrets/key"
	)
	for _, tc := range []struct{ name, ref, want, fault string }{
		{"a variable", "env:ADMIN_TOKEN", "env:ADMIN_TOKEN", ""},
		{"a file", "file:/run/secrets/key", "file:/run/secrets/key", ""},
		{"a file as a URL", "file:///run/secrets/key", "file:/run/secrets/key", ""},
		{"a path with a colon", "file:/run/a:b", "file:/run/a:b", ""},
		{"a literal", canary, "", literal},
		{"a literal with a colon", canary + ":more", "", literal},
		{"nothing", "", "", literal},
		{"a scheme in upper case", "ENV:" + canary, "", literal},
		{"no name", "env:", "", variable},
		{"a literal behind env", "env:sk-" + canary, "", variable},
		{"a name that begins with a digit", "env:" + canary, "", variable},
		{"a space before the name", "env: NAME", "", variable},
		{"no path", "file:", "", absolute},
		{"a relative path", "file:" + canary, "", absolute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source, err := Parse(tc.ref)
			if tc.fault != "" {
				if err == nil || err.Error() != tc.fault || source != nil {
					t.Fatalf("Parse(%q) = %v, %v, want %s", tc.ref, source, err, tc.fault)
				}
				return
			}
			if err != nil || source.String() != tc.want {
				t.Errorf("Parse(%q) = %v, %v, want %s", tc.ref, source, err, tc.want)
			}
		})
	}
}

func TestAVariableIsRead(t *testing.T) {
	t.Setenv("APIM_EDGE_TEST_SET", canary)
	t.Setenv("APIM_EDGE_TEST_EMPTY", "")
	for _, tc := range []struct{ name, ref, want, fault string }{
		{"one that is set", "env:APIM_EDGE_TEST_SET", canary, ""},
		{"one that is empty", "env:APIM_EDGE_TEST_EMPTY", "", "env:APIM_EDGE_TEST_EMPTY: the environment variable is empty"},
		{"one that is not set", "env:APIM_EDGE_TEST_UNSET", "", "env:APIM_EDGE_TEST_UNSET: the environment variable is not set"},
	} {
		t.Run(tc.name, func(t *testing.T) { expect(t, mustParse(t, tc.ref), tc.want, tc.fault) })
	}
}

func TestAFileIsReadWithoutItsLineEnd(t *testing.T) {
	for _, tc := range []struct{ name, content, want, fault string }{
		{"no line end", canary, canary, ""},
		{"a line end", canary + "\n", canary, ""},
		{"a line end of Windows", canary + "\r\n", canary, ""},
		{"only one is taken off", canary + "\n\n", canary + "\n", ""},
		{"a carriage return alone is content", canary + "\r", canary + "\r", ""},
		{"spaces are content", " " + canary + " \n", " " + canary + " ", ""},
		{"the largest", strings.Repeat("a", maxFile), strings.Repeat("a", maxFile), ""},
		{"an empty file", "", "", "is empty"},
		{"a line end only", "\n", "", "is empty"},
		{"too large", strings.Repeat("a", maxFile+1), "", "is larger than 65536 bytes, which no secret is"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			testkit.Write(t, path, tc.content)
			if tc.fault != "" {
				tc.fault = "file:" + path + ": " + tc.fault
			}
			expect(t, mustParse(t, "file:"+path), tc.want, tc.fault)
		})
	}
}

func TestAFileIsReadAgainWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time.Sleep moves a clock that is not real
		dir := t.TempDir()
		path := filepath.Join(dir, "key")
		testkit.Write(t, path, "first\n")
		source := mustParse(t, "file:"+path)
		expect(t, source, "first", "")

		testkit.Write(t, path, "other\n") // same size, and the same time of change if the disk's clock is coarse
		expect(t, source, "first", "")
		time.Sleep(recheck)
		expect(t, source, "other", "")

		// As Kubernetes does it: a new file takes the name of the old one.
		testkit.Write(t, filepath.Join(dir, "next"), "third\n")
		testkit.Must(t, os.Rename(filepath.Join(dir, "next"), path))
		time.Sleep(recheck)
		expect(t, source, "third", "")
	})
}

func TestTheLastGoodValueStaysWhenTheFileFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "key")
		source := mustParse(t, "file:"+path)
		expect(t, source, "", "file:"+path+": no such file or directory")

		testkit.Write(t, path, "first")
		time.Sleep(recheck)
		expect(t, source, "first", "")

		testkit.Must(t, os.Remove(path))
		time.Sleep(recheck)
		expect(t, source, "first", "file:"+path+": no such file or directory")

		testkit.Write(t, path, "second")
		time.Sleep(recheck)
		expect(t, source, "second", "")
	})
}

// With the race detector this also shows that a Source may be shared.
func TestASourceMayBeAskedByManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	testkit.Write(t, path, canary)
	source := mustParse(t, "file:"+path)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if v, err := source.Current(); err != nil || v.Reveal() != canary {
					t.Errorf("wrong content or %v", err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestAskingAFreshFileDoesNotAllocate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	testkit.Write(t, path, canary)
	source := mustParse(t, "file:"+path)
	expect(t, source, canary, "")
	if got := testing.AllocsPerRun(100, func() { _, _ = source.Current() }); got > 0 {
		t.Errorf("%v allocations, want none", got)
	}
}

func expect(t *testing.T, s Source, want, fault string) {
	t.Helper()
	v, err := s.Current()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if v.Reveal() != want || got != fault {
		t.Errorf("%v: got %q, error %q; want %q, error %q", s, v.Reveal(), got, want, fault)
	}
}

func mustParse(t *testing.T, ref string) Source {
	t.Helper()
	source, err := Parse(ref)
	if err != nil {
		t.Fatal(err)
	}
	return source
}
