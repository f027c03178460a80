package demo

import "strings"

// key is one that does something while the demo serves.
type key struct {
	name byte
	does string
	run  func(*show) error
}

// keys are few, so that they fit a line.
var keys = []key{
	{'4', "what the 401 would look like, beside the answer through the edge", (*show).sides},
	{'d', "the doctor", (*show).doctor},
	{'r', "the report", (*show).report},
	{'q', "leave", nil},
}

// keysLine names the keys.
func keysLine() string {
	var all []string
	for _, k := range keys {
		all = append(all, string(k.name)+" "+k.does)
	}
	return "Press " + strings.Join(all, "; ") + "."
}

// serve serves until ctx ends or somebody leaves, and does what keys ask for.
func (s *show) serve() {
	for {
		select {
		case <-s.ctx.Done():
			s.out.write("\n") // a terminal has written ^C
			return
		case name := <-s.opt.Keys:
			if name == 'q' {
				return
			}
			s.press(name)
		}
	}
}

// press does what a key stands for. Any other one shows what there is to press.
func (s *show) press(name byte) {
	for _, k := range keys {
		if k.name == name {
			s.out.write("\n")
			s.take(step{run: func() error { return k.run(s) }})
			s.out.write("\n")
			return
		}
	}
	s.out.explain("%s", keysLine())
}

// goesOn waits for a key, where somebody can press one, and reports whether to go on.
func (s *show) goesOn() bool {
	if s.opt.Keys == nil {
		return s.ctx.Err() == nil
	}
	s.out.write("\n")
	s.out.say("%s", s.out.style(bold, "Any key goes on, q leaves."))
	select {
	case <-s.ctx.Done():
	case name := <-s.opt.Keys:
		s.left = name == 'q'
	}
	return s.ctx.Err() == nil && !s.left
}
