package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/curl"
	"github.com/apim-edge/apim-edge/proxy"
)

// readings are the ways in which a request can be meant: each variable of a head
// that is not known may be a subscription key or a token.
type readings struct {
	variables []string // that may decide
	stand     map[string]string
	names     *strings.Replacer
}

// mostVariables bounds the readings: there are twice as many with each variable.
const mostVariables = 3

func readingsOf(r *curl.Request) (readings, error) {
	path, query, _ := strings.Cut(r.Target, "?")
	deciding := &curl.Request{Target: query, Fields: slices.DeleteFunc(slices.Clone(r.Fields), func(f curl.Field) bool {
		return strings.EqualFold(f.Name, "Host")
	})}
	out := readings{variables: deciding.Variables(), stand: map[string]string{}}
	var pairs []string
	for i, name := range (&curl.Request{Target: path + query, Method: r.Method, Fields: r.Fields}).Variables() {
		out.stand[name] = fmt.Sprintf("apim-edge-variable-%d", i)
		pairs = append(pairs, out.stand[name], name)
	}
	out.names = strings.NewReplacer(pairs...)
	if len(out.variables) > mostVariables {
		return out, errors.New("the values of " + strings.Join(out.variables, ", ") +
			" are not known, and too many verdicts are possible; set them in the text or in the environment")
	}
	return out, nil
}

// verdict is an explanation that holds under a condition.
type verdict struct {
	proxy.Explanation
	condition string
	head      []byte
}

// explain explains the request in every reading, and keeps one of those that come
// to the same.
func (r *readings) explain(edge *proxy.Edge, request *curl.Request) (all []verdict) {
	for bits := range 1 << len(r.variables) {
		head := request.Head(func(name string) string {
			if i := slices.Index(r.variables, name); i >= 0 && bits&(1<<i) != 0 {
				return tokenLike(r.stand[name])
			}
			return r.stand[name]
		})
		v := verdict{edge.Explain(head), r.condition(bits), head}
		same := slices.IndexFunc(all, func(o verdict) bool {
			return o.Code == v.Code && o.Reason == v.Reason && o.Notes == v.Notes && o.Route == v.Route && o.Refused == v.Refused && o.Message == v.Message
		})
		if same >= 0 {
			all[same].condition += ", or " + v.condition
			continue
		}
		all = append(all, v)
	}
	return all
}

func (r *readings) condition(bits int) string {
	var parts []string
	for i, name := range r.variables {
		kind := "a subscription key"
		if bits&(1<<i) != 0 {
			kind = "a token"
		}
		parts = append(parts, name+" is "+kind)
	}
	return strings.Join(parts, " and ")
}

// tokenLike has the shape of a token (a JWS in compact form), and signs nothing.
func tokenLike(text string) string {
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(text)) + ".none"
}

// notes says what had to be assumed of the variables.
func (r *readings) notes(verdicts int) (notes []string) {
	const set = "; set it in the text or in the environment to be sure"
	for name := range r.stand {
		switch {
		case !slices.Contains(r.variables, name):
			notes = append(notes, "the value of "+name+" is not known; host or path may decide otherwise with it"+set)
		case verdicts > 1:
			notes = append(notes, "the value of "+name+" is not known"+set)
		default:
			notes = append(notes, "the value of "+name+" is not known; a subscription key and a token come to the same")
		}
	}
	slices.Sort(notes)
	return notes
}
