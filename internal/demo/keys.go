package demo

// key is one that does something while the demo serves.
type key struct {
	name byte
	does string
	run  func(*show) error
}

var keys = []key{
	{'4', "what the 401 would look like, beside the answer through the edge", (*show).sides},
	{'d', "the doctor", (*show).doctor},
	{'r', "the report", (*show).report},
	{'q', "leave", nil},
}

// sayKeys names the keys.
func (d *demo) sayKeys() {
	d.out.say("Keys to press")
	for _, k := range keys {
		d.out.say("%s  %s", d.out.style(bold, string(k.name)), k.does)
	}
	d.out.write("\n")
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
	s.sayKeys()
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
