package main

import "testing"

// TestWhatASIGHUPMeans holds what tells the hang-up of the terminal from somebody who
// wants a reload: each step is a look at the terminal or a signal.
func TestWhatASIGHUPMeans(t *testing.T) {
	const look, forgets, reload, ends = "look", "look, and forget it", "a reload", "the end"
	for _, tc := range []struct {
		name  string
		steps []string // "there" and "gone" say what becomes of the terminal
	}{
		{"a reload is asked for from another terminal", []string{look, reload, look, reload}},
		{"the terminal hangs up", []string{look, "gone", ends}},
		{"the terminal hangs up, and the signal is late", []string{look, "gone", look, ends}},
		{"the shell says so before its terminal goes", []string{look, reload, "gone", ends}},
		{"a job in the background outlives its shell, and is reloaded later", []string{look, "gone", look, forgets, reload, look, reload}},
		{"a look that could not be made", []string{"gone", look, "there", look, look, "gone", ends}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			there := true
			term := &terminal{there: func() bool { return there }}
			for i, step := range tc.steps {
				got := step
				switch step {
				case "there", "gone":
					there = step == "there"
				case look, forgets:
					if got = look; term.look() {
						got = forgets
					}
				default:
					if got = reload; term.hungUp() {
						got = ends
					}
				}
				if got != step {
					t.Fatalf("step %d is %s, want %s", i, got, step)
				}
			}
		})
	}
	if none := ownTerminal(true); none.hungUp() || none.look() {
		t.Error("with nohup a SIGHUP says that the terminal has hung up")
	}
}

// TestAnErrorCommandsNoTerminal: errors repeat what files and servers say.
func TestAnErrorCommandsNoTerminal(t *testing.T) {
	if got := printable("it answers 401: \x1b[2J\u009bno\n\tnext"); got != "it answers 401: ?[2J?no\n\tnext" {
		t.Errorf("%q", got)
	}
}
