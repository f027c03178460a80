package main

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// profiled are functions in which every exchange spends time: a profile that lacks one is of
// code in which it had another name.
var profiled = []string{
	module + "proxy.(*Exchange).advance",
	module + "proxy.(*Client).act",
	module + "proxy/head.(*fieldLines).scan",
	module + "proxy/wire.(*Loop).handle",
	module + "proxy/wire.(*Conn).Read",
}

// TestTheProfileIsOfThisCode holds that the program is built by a profile that names its hot
// functions as they are named now, and nothing of the machine that it was taken on.
func TestTheProfileIsOfThisCode(t *testing.T) {
	root, err := moduleRoot()
	testkit.Must(t, err)
	for _, fault := range profileFaults(parsed(t, filepath.Join(root, "cmd/apim-edge/default.pgo"))) {
		t.Errorf("cmd/apim-edge/default.pgo %s; run make profile", fault)
	}
}

// TestHotFunctionsAreThere: where one has been renamed, the profile is of other code.
func TestHotFunctionsAreThere(t *testing.T) {
	for _, name := range profiled {
		folder, rest, _ := strings.Cut(strings.TrimPrefix(name, module), ".(*")
		receiver, method, _ := strings.Cut(rest, ").")
		declaration := regexp.MustCompile(`(?m)^func \(\w+ \*` + receiver + `\) ` + method + `\(`)
		if !slices.ContainsFunc(testkit.Files(t, filepath.Join("..", folder, "*.go")), func(file string) bool {
			return declaration.MatchString(testkit.Read(t, file))
		}) {
			t.Errorf("there is no %s any more: name what every exchange goes through now in profiled, and run make profile", name)
		}
	}
}

func parsed(t *testing.T, file string) *profile.Profile {
	t.Helper()
	p, err := profile.ParseData([]byte(testkit.Read(t, file)))
	testkit.Must(t, err)
	return p
}

// aPath is one of a file on some machine. That of a package, which is in the names of
// functions, has no slash in front.
var aPath = regexp.MustCompile(`(^|[^\w.~-])(/|[A-Za-z]:[/\\])|\.go\b`)

// profileFaults are a profile's, each as the rest of a sentence.
func profileFaults(p *profile.Profile) (faults []string) {
	if len(p.Mapping) > 0 || len(p.Comments) > 0 || p.TimeNanos != 0 || p.DurationNanos != 0 || p.DocURL != "" || p.DropFrames != "" || p.KeepFrames != "" {
		faults = append(faults, "says on what and when it was taken")
	}
	if slices.ContainsFunc(p.Sample, func(s *profile.Sample) bool { return len(s.Label)+len(s.NumLabel) > 0 }) {
		faults = append(faults, "has labels")
	}
	seen := map[string]bool{}
	for _, f := range p.Function {
		seen[f.Name] = true
		if f.Filename != "" || f.SystemName != "" {
			faults = append(faults, "names the file of "+f.Name)
		}
		if aPath.MatchString(f.Name) {
			faults = append(faults, "names the path "+f.Name)
		}
	}
	for _, name := range profiled {
		if !seen[name] {
			faults = append(faults, "does not know "+name)
		}
	}
	return faults
}

// seen is a profile as the edge serves it: of one stack, so many times.
func seen(times int64, names ...string) *profile.Profile {
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
		Mapping:    []*profile.Mapping{{ID: 1, File: "/home/me/bin/apim-edge", BuildID: "0123abcd"}},
		TimeNanos:  1, DurationNanos: 1, Comments: []string{"on my machine"},
	}
	s := &profile.Sample{Value: []int64{times, times * 1e7}, Label: map[string][]string{"host": {"mine"}}}
	for i, name := range names {
		f := &profile.Function{ID: uint64(i + 1), Name: name, SystemName: name, Filename: "/home/me/src/a.go", StartLine: 10}
		l := &profile.Location{ID: uint64(i + 1), Mapping: p.Mapping[0], Address: uint64(i), Line: []profile.Line{{Function: f, Line: 12}}}
		p.Function, p.Location, s.Location = append(p.Function, f), append(p.Location, l), append(s.Location, l)
	}
	p.Sample = []*profile.Sample{s}
	return p
}

// TestCellsWeighTheSame: a busy cell has no more of a profile than a quiet one, and what is
// written names no machine.
func TestCellsWeighTheSame(t *testing.T) {
	busy, err := evened(seen(900, "runtime.memmove", profiled[0], dataPath+"outer"))
	testkit.Must(t, err)
	quiet, err := evened(seen(7, "runtime.nanotime", profiled[0], dataPath+"outer"))
	testkit.Must(t, err)
	file := filepath.Join(t.TempDir(), "default.pgo")
	testkit.Must(t, writeProfile(file, []*profile.Profile{busy, quiet}))
	got := parsed(t, file)
	if len(got.Sample) != 2 || got.Sample[0].Value[0] != profileWeight || got.Sample[1].Value[0] != profileWeight {
		t.Errorf("samples are %v, want two of %d", got.Sample, profileWeight)
	}
	var text bytes.Buffer
	testkit.Must(t, got.WriteUncompressed(&text))
	for _, word := range []string{"home", "0123abcd", "machine", "mine", "outer"} {
		if strings.Contains(text.String(), word) {
			t.Errorf("%q is left in the profile:\n%q", word, text.String())
		}
	}
}

func TestFaultsOfAProfileAreFound(t *testing.T) {
	leanly := func(names ...string) *profile.Profile { return lean(seen(1, names...)) }
	with := append([]string{"runtime.memmove"}, profiled...)
	whole := seen(1, with...)
	for _, tc := range []struct {
		name string
		p    *profile.Profile
		want string // in a fault; empty: none
	}{
		{"as the edge serves it", whole, "says on what and when it was taken"},
		{"with files", whole, "names the file of runtime.memmove"},
		{"with labels", whole, "has labels"},
		{"with a path for a name", leanly("/home/me/a", profiled[0]), "names the path /home/me/a"},
		{"of older code", leanly("runtime.memmove", dataPath+"(*Exchange).formerly"), "does not know " + profiled[0]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := strings.Join(profileFaults(tc.p), "\n"); !strings.Contains(got, tc.want) {
				t.Errorf("faults are %q, want %q among them", got, tc.want)
			}
		})
	}
}

// TestAProfileIsTaken of one workload, for a moment.
func TestAProfileIsTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs and runs them")
	}
	t.Setenv("APIM_EDGE__TIMEOUTS__DRAIN_DELAY", "0")
	file := filepath.Join(t.TempDir(), "default.pgo")
	testkit.Must(t, command(context.Background(), []string{"--profile", file, "--only", "small-closed", "--legs", "plain", "--window", "1s"}))
	p := parsed(t, file)
	if len(p.Sample) == 0 || len(p.Mapping) > 0 {
		t.Errorf("the profile has %d samples and %d mappings", len(p.Sample), len(p.Mapping))
	}
}

func TestAProfileThatSawNothingIsRefused(t *testing.T) {
	if _, err := evened(seen(9, "runtime.nanotime")); err != errNothingSeen {
		t.Errorf("error = %v, want %v", err, errNothingSeen)
	}
}
