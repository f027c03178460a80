// Package carryover carries policies of API Management over to the configuration of
// apim-edge, and lists what it cannot carry over.
//
//	result := carryover.Convert(carryover.Input{APIs: []carryover.API{{Path: "openai", Policy: doc}}})
//	fmt.Print(result.List())
//
// The list is the result. Each element and each attribute of the documents is carried
// over, or not carried over, or needs nothing, and the list says which, with the place
// and the reason. Nothing is guessed: an expression is carried over where it is one of
// the few that people write for what apim-edge does by itself, and else it is listed.
//
// Where a policy that keeps callers away is not carried over, nobody passes the route
// until somebody has looked at it.
package carryover
