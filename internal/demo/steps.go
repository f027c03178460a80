package demo

// step is one thing that is shown.
type step struct {
	title string
	say   string // before it, on the tour
	run   func() error
}

// story shows what a person sees who says nothing but "demo".
func (s *show) story() {
	s.out.headline("apim-edge demo")
	s.servers()
	for i, st := range []step{
		{title: "Without the edge: a client sends its subscription key as Bearer", run: s.without},
		{title: "Through the edge: the same request, another base URL", run: s.through},
		{title: "From a browser page of another origin", run: s.fromAPage},
		{title: "What the doctor says of this API", run: s.doctor},
	} {
		if s.ctx.Err() != nil {
			return
		}
		s.out.headline("%d. %s", i+1, st.title)
		s.take(st)
	}
}

// servers says who takes part.
func (s *show) servers() {
	s.out.say("%-24s a stand-in for API Management with Azure OpenAI", s.upstreamURL)
	s.out.say("%-24s apim-edge in front of it", s.edgeURL)
	s.out.say("%-24s its operator's page, metrics and configuration", s.adminURL)
}

// take takes a step. One that cannot be taken is not as promised; the next one can be.
func (s *show) take(st step) {
	if err := st.run(); err != nil && s.ctx.Err() == nil {
		s.promise(false, err.Error())
	}
}

// tour leads through all of it. Where somebody can press a key, the next step waits for
// one.
func (s *show) tour() {
	s.out.headline("A tour of apim-edge")
	s.servers()
	steps := []step{
		{"Without the edge", "A client sends its subscription key as Bearer, as OpenAI clients do.", s.without},
		{"Through the edge", "The same request goes to another base URL. Nothing else is changed.", s.through},
		{"A stream that is left", "Each word is an event of its own. This client leaves after five of many.", s.leave},
		{"A browser's question", "Before a page may call, its browser asks whether it may. It shows no key then.", s.fromAPage},
		{"The doctor", "It examines an API from outside, by requests that cost nothing. Here it looks at the stand-in.", s.doctor},
		{"The operator's page", "It shows what runs, what fails, whose fault it is and what to do. Open it in a browser:", s.operatorsPage},
		{"The report", "The edge counts who comes, and what for. The report says who would fail without it.", s.report},
		{"Your own API", "Four commands lead in, and out again.", s.goOn},
	}
	for i, st := range steps {
		if i > 0 && !s.goesOn() {
			return
		}
		s.out.headline("%d of %d. %s", i+1, len(steps), st.title)
		s.out.explain("%s", st.say)
		s.out.write("\n")
		s.take(st)
	}
}
