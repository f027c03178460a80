package proxy

import (
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/route"
)

// Break takes the credential rules out of a route, so that its exchanges panic
// where they are decided.
func Break(s *route.Snapshot, name string) {
	for _, r := range s.Routes {
		if r.Name == name {
			r.Credential = nil
		}
	}
}

// Steps and Endings are how many steps the story and its end have.
const (
	Steps   = len(story)
	Endings = len(ending)
	Uncount = 3 // of the end
	Record  = 4 // of the end: whoever observes is told
)

// PanicAtStep has exchanges for a path panic behind a step of the story, until mend.
func PanicAtStep(i int, path string) (mend func()) {
	was := story[i]
	story[i] = step{on: always, take: func(x *Exchange) error {
		var err error
		if was.on(x.snap, x.route) {
			err = was.take(x)
		}
		if x.isFor(path) {
			panic("behind a step of the story")
		}
		return err
	}}
	return func() { story[i] = was }
}

// PanicAtEnding is PanicAtStep for the steps of their end: before or behind one.
func PanicAtEnding(i int, before bool, path string) (mend func()) {
	step := ending[i]
	ending[i] = func(x *Exchange, code edgeerr.Code, err error) {
		broken := x.isFor(path)
		if broken && before {
			panic("before a step of the end")
		}
		step(x, code, err)
		if broken {
			panic("behind a step of the end")
		}
	}
	return func() { ending[i] = step }
}

func (x *Exchange) isFor(path string) bool {
	return string(x.kept.of(x.kept.path)) == path || x.req != nil && string(x.req.Path) == path
}
