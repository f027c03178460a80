package census

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func inFile(path string) func(*Options) { return func(o *Options) { o.File = path } }

func reads(t *testing.T, path string) Document {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was read
	d, faults, err := Read(f)
	if err != nil || len(faults) > 0 {
		t.Fatalf("%v, %v", faults, err)
	}
	return d
}

func metric(t *testing.T, c *Census, name string) float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	all, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == "apim_edge_census_"+name {
			m := f.GetMetric()[0] // of saves: failed
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// TestTheCensusGoesOn: what one start has counted the next one has, with days, callers
// and others, and it is the same replica.
func TestTheCensusGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "census.jsonl")
	c := start(t, inFile(path))
	c.tell(c.chat("one"), 3)
	c.SetUp([]Setup{{Route: "openai", KeyField: "api-key"}})
	c.Close()
	first := reads(t, path)
	again := start(t, inFile(path))
	again.clock.forward(time.Hour)
	again.tell(again.chat("one"), 2)
	again.tell(again.chat("two"), 1)
	again.Close()
	second := reads(t, path)
	if second.Replica != first.Replica || second.Run == first.Run || !second.Since.Equal(noon) || second.Key != first.Key {
		t.Errorf("got %+v after %+v", second.Header, first.Header)
	}
	if len(second.Rows) != 2 || total(second) != 6 {
		t.Errorf("rows: %+v", second.Rows)
	}
	if day := second.History[0].Days[0]; day != (Day{"2026-11-27", 6, 6, 2, 2}) {
		t.Errorf("the day: %+v", day)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestANewKeyIsToldOf: hashes of the old key stay, and say so.
func TestANewKeyIsToldOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "census.jsonl")
	c := start(t, inFile(path))
	c.tell(c.chat("one"), 3)
	c.Close()
	again := start(t, func(o *Options) { o.File, o.Key = path, nil })
	again.tell(again.chat("one"), 2)
	d := again.Document()
	if len(d.Rows) != 2 || d.Keyings() != 2 || !d.Fleeting {
		t.Errorf("%d rows, %d keys: %+v", len(d.Rows), d.Keyings(), d.Rows)
	}
	if !strings.Contains(again.log.String(), "hashed by another key") {
		t.Errorf("the log: %s", again.log)
	}
	again.Close()
	back := start(t, inFile(path)) // with the first key
	back.tell(back.chat("one"), 1)
	if got := back.seen("one"); got != 4 {
		t.Errorf("%d exchanges in the row of the first key, want 4", got)
	}
}

// TestABrokenFileIsKeptAside: what can be read is used, what cannot is told, and the file
// is there to be looked at.
func TestABrokenFileIsKeptAside(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "whole")
	c := start(t, inFile(path))
	for i := range 10 {
		c.tell(c.chat(fmt.Sprint(i)), 1)
	}
	c.Close()
	whole := testkit.Read(t, path)
	all := strings.SplitAfter(whole, "\n")
	for _, tc := range []struct {
		name, text   string
		rows, faults int
		said         string
	}{
		{"as it was", whole, 10, 0, "the census goes on"},
		{"cut in the middle of a line", string(whole[:len(whole)/2]), -1, 2, "no JSON object"},
		{"without its end", strings.Join(all[:len(all)-2], ""), 10, 1, "the end is missing"},
		{"a line that is none", strings.Replace(whole, all[3], "rubbish\n", 1), 9, 1, "line 4: it is no JSON object"},
		{"a line less", strings.Replace(whole, all[3], "", 1), 9, 1, "should stand in front"},
		{"a line of something else", strings.Replace(whole, all[3], "{\"a\":1}\n", 1), 9, 1, "nothing of a census"},
		{"figures that cannot be", strings.Replace(whole, `"2xx":1`, `"2xx":-1`, 1), 9, 1, "nothing of a census"},
		{"an older row, with what was not known", strings.Replace(whole, `{"row":{`, `{"row":{"later":1,`, 1), 10, 0, "the census goes on"},
		{"empty", "", 0, 1, "this is no census"},
		{"something else", "listen: {}\n", 0, 1, "this is no census"},
		{"of a later format", `{"header":{"census":2}}` + "\n", 0, 1, "it is of format 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := testkit.File(t, "census.jsonl", tc.text)
			c := start(t, inFile(path))
			if got := len(c.Document().Rows); got != tc.rows && tc.rows >= 0 {
				t.Errorf("%d rows, want %d", got, tc.rows)
			}
			if got := metric(t, c.Census, "faults_total"); got != float64(tc.faults) {
				t.Errorf("%v faults, want %d", got, tc.faults)
			}
			if !strings.Contains(c.log.String(), tc.said) {
				t.Errorf("the log does not say %q: %s", tc.said, c.log)
			}
			aside, _ := filepath.Glob(path + ".broken-*")
			if (len(aside) == 1) != (tc.faults > 0) {
				t.Fatalf("kept aside: %v", aside)
			}
			if tc.faults > 0 {
				if kept, _ := os.ReadFile(aside[0]); string(kept) != tc.text {
					t.Error("what was kept aside is not what was there")
				}
			}
			c.Close()
			reads(t, path)
		})
	}
}

// TestAFolderThatCannotBeWrittenToIsNoEnd: it is said once, counted, and the census goes on.
func TestAFolderThatCannotBeWrittenToIsNoEnd(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "no", "such")
	c := start(t, func(o *Options) { o.File, o.Every = filepath.Join(folder, "census.jsonl"), time.Millisecond })
	c.tell(c.chat("one"), 1)
	testkit.Await(t, "it has tried often", func() bool { return metric(t, c.Census, "saves_total") > 3 })
	if n := strings.Count(c.log.String(), "the census cannot be saved"); n != 1 {
		t.Errorf("said %d times: %s", n, c.log)
	}
	if d := c.Document(); total(d) != 1 {
		t.Errorf("%d counted", total(d))
	}
	testkit.Must(t, os.MkdirAll(folder, 0o700))
	testkit.Await(t, "it is saved again", func() bool { return strings.Contains(c.log.String(), "the census is saved again") })
	c.Close()
	if d := reads(t, filepath.Join(folder, "census.jsonl")); total(d) != 1 {
		t.Errorf("%d in the file", total(d))
	}
}

// TestTwoThatWriteOneFileAreTold holds it for the one that comes first.
func TestTwoThatWriteOneFileAreTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "census.jsonl")
	first := start(t, inFile(path))
	start(t, inFile(path)).Close()
	first.Close()
	if !strings.Contains(first.log.String(), "another apim-edge writes the same file") {
		t.Errorf("the log: %s", first.log)
	}
	third := start(t, inFile(path))
	third.Close()
	if strings.Contains(third.log.String(), "another apim-edge") {
		t.Errorf("one that was before it is no other: %s", third.log)
	}
}

// TestMoreRowsThanThereIsRoomFor: those that were seen last stay.
func TestMoreRowsThanThereIsRoomFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "census.jsonl")
	c := start(t, inFile(path))
	for i := range 50 {
		c.tell(c.chat(fmt.Sprint(i)), 1)
		c.clock.forward(time.Second)
	}
	c.Close()
	small := start(t, func(o *Options) { o.File, o.Rows = path, 10 })
	d := small.Document()
	if len(d.Rows) != 10 || total(d) != 50 || small.seen("49") != 1 || small.seen("0") != 0 {
		t.Errorf("%d rows, %d exchanges", len(d.Rows), total(d))
	}
}

// TestReplicasAreMerged: rows of one key are added, and nothing is counted twice.
func TestReplicasAreMerged(t *testing.T) {
	one, two := start(t, nil), start(t, nil)
	one.tell(one.chat("shared"), 3)
	early := one.Document()
	one.clock.forward(time.Hour)
	one.tell(one.chat("shared"), 2)
	two.tell(two.chat("shared"), 10)
	two.tell(two.chat("own"), 1)
	merged := Merge(one.Document(), early, two.Document(), two.Document())
	if len(merged.Replicas) != 2 || len(merged.Rows) != 2 || total(merged) != 16 || merged.Keyings() != 1 {
		t.Errorf("%v: %d rows, %d exchanges, %d keys", merged.Replicas, len(merged.Rows), total(merged), merged.Keyings())
	}
	for _, r := range merged.Rows {
		if r.Counts.OK == 15 && (!r.First.Equal(noon) || !r.Last.Equal(noon.Add(time.Hour))) {
			t.Errorf("seen from %v to %v", r.First, r.Last)
		}
	}
	if day := merged.History[0].Days[0]; day.Exchanges != 16 || day.Callers != 2 {
		t.Errorf("the day: %+v", day)
	}
	if alone := Merge(early, one.Document()); total(alone) != 5 || alone.Replicas != nil {
		t.Errorf("one replica, read twice: %d", total(alone))
	}
	third := start(t, func(o *Options) { o.Key = nil })
	third.tell(third.chat("shared"), 1)
	if d := Merge(one.Document(), third.Document()); d.Keyings() != 2 || len(d.Rows) != 2 || !d.Fleeting {
		t.Errorf("hashes of two keys: %d rows, %d keys", len(d.Rows), d.Keyings())
	}
	// What was merged is a census as well.
	again, faults, err := Read(strings.NewReader(written(t, merged)))
	if err != nil || len(faults) > 0 || total(again) != 16 {
		t.Errorf("%v, %v, %d", faults, err, total(again))
	}
}

func FuzzAnyTextIsReadOrRefused(f *testing.F) {
	f.Add(`{"header":{"census":1}}` + "\n" + `{"row":{"counts":{"2xx":1}}}` + "\n" + `{"end":2}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		d, _, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		_ = d.summary()
		merged := Merge(d, d)
		if _, err := json.Marshal(merged.Rows); err != nil { // a year that JSON has no text for
			t.Skip()
		}
		if again, _, err := Read(strings.NewReader(written(t, merged))); err != nil || len(again.Rows) != len(d.Rows) {
			t.Errorf("%d rows became %d: %v", len(d.Rows), len(again.Rows), err)
		}
	})
}
