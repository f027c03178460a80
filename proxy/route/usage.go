package route

import (
	"bytes"

	"github.com/apim-edge/apim-edge/internal/config"
)

// Usage is what a route says of the tokens of its answers.
type Usage struct {
	models map[string]string // listed names, by themselves: what is found is the configuration's
}

func newUsage(r config.Route) *Usage {
	if !r.Usage {
		return nil
	}
	u := &Usage{models: map[string]string{}}
	for _, name := range r.UsageModels {
		u.models[name] = name
	}
	return u
}

// ModelIn returns the deployment that a path names, if it is listed, or "".
func (u *Usage) ModelIn(path []byte) string {
	if len(u.models) == 0 {
		return ""
	}
	_, rest, _ := bytes.Cut(path, []byte("/deployments/"))
	name, _, _ := bytes.Cut(rest, []byte{'/'})
	return u.models[string(name)]
}
