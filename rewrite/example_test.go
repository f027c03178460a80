package rewrite_test

import (
	"fmt"
	"strings"

	"github.com/apim-edge/apim-edge/rewrite"
)

// A client sends its subscription key the way OpenAI SDKs do; the upstream
// gets it the way APIM checks it.
func Example() {
	policy, err := rewrite.NewPolicy(rewrite.Options{})
	if err != nil {
		panic(err)
	}
	fields := []rewrite.Field{
		{Name: []byte("Content-Type"), Value: []byte("application/json")},
		{Name: []byte("Authorization"), Value: []byte("Bearer 0123abcd")},
	}
	decision := policy.Decide(fields, nil)

	var head []byte
	for _, f := range fields {
		if !policy.Takes(&f) {
			head = fmt.Appendf(head, "%s: %s\r\n", f.Name, f.Value)
		}
	}
	head = policy.AppendFields(head, &decision, fields)
	fmt.Println(decision.Reason)
	fmt.Print(strings.ReplaceAll(string(head), "\r\n", "\n"))
	// Output:
	// bearer_key
	// Content-Type: application/json
	// api-key: 0123abcd
}

// A refused request comes with a text for the person who sent it.
func ExampleDecision_Rejected() {
	policy, err := rewrite.NewPolicy(rewrite.Options{RejectMissing: true})
	if err != nil {
		panic(err)
	}
	decision := policy.Decide(nil, nil)
	fmt.Println(decision.Rejected(), decision.Reason)
	fmt.Println(decision.Problem)
	// Output:
	// true credential_missing
	// the request carries no credential, and this route asks for one; set api_key in the SDK to the subscription key (it is sent as Authorization: Bearer <key>), or send the key in api-key
}
