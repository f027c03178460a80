package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

// entra is a credential that has its token already.
type entra struct{}

func (entra) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: token}, nil
}

// openaiCases are those of openai-go v3.
func openaiCases() []testCase {
	v1 := func(base, secret string) []option.RequestOption {
		return []option.RequestOption{option.WithBaseURL(base + "/openai/v1/"), option.WithAPIKey(secret)}
	}
	legacy := func(base string, credential option.RequestOption) []option.RequestOption {
		return []option.RequestOption{azure.WithEndpoint(base, apiVersion), azure.WithUnsafeAllowHTTP(), credential}
	}
	kinds := []struct {
		name    string
		options []option.RequestOption
	}{
		{"openai_key", v1(keyBase, key)},
		{"openai_token", v1(tokenBase, token)},
		{"azure_key", legacy(keyBase, azure.WithAPIKey(key))},
		{"azure_ad_token", legacy(tokenBase, azure.WithTokenCredential(entra{}))},
		{"azure_token_as_key", legacy(tokenBase, azure.WithAPIKey(token))},
	}
	operations := []struct {
		name string
		run  func(context.Context, openai.Client, string) error
	}{
		{"chat", chat}, {"chat_stream", chatStream}, {"responses", response}, {"responses_stream", responseStream},
		{"embeddings", embeddings}, {"upload", uploadFile}, {"models", models},
	}
	var cases []testCase
	for _, k := range kinds {
		for _, op := range operations {
			cases = append(cases, testCase{"v3_" + k.name + "/" + op.name, checked(func(ctx context.Context, name string) error {
				return op.run(ctx, connect(name, k.options...), name)
			})})
		}
	}
	return append(cases,
		testCase{"v3_errors/wrong_key_is_sent_once", checked(func(ctx context.Context, name string) error {
			return chat(ctx, connect(name, append(v1(keyBase, otherKey), option.WithMaxRetries(2))...), name)
		})},
		testCase{"v3_errors/cut_stream_raises", checked(cutStream)},
		testCase{"v3_leaving/stream_is_closed_after_the_first_event", checked(leave)},
	)
}

func connect(name string, more ...option.RequestOption) openai.Client {
	options := []option.RequestOption{option.WithMaxRetries(0)}
	options = append(options, more...)
	return openai.NewClient(append(options, option.WithHeader(caseField, name))...)
}

func chatParams(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

// completion returns what a model answers to a text.
func completion(ctx context.Context, client openai.Client, model, text string) (string, error) {
	answer, err := client.Chat.Completions.New(ctx, chatParams(model, text))
	if err != nil {
		return "", err
	}
	return answer.Choices[0].Message.Content, nil
}

// completionPieces does so as a stream.
func completionPieces(ctx context.Context, client openai.Client, model, text string) (pieces []string, err error) {
	stream := client.Chat.Completions.NewStreaming(ctx, chatParams(model, text))
	defer stream.Close()
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			pieces = append(pieces, choice.Delta.Content)
		}
	}
	return pieces, stream.Err()
}

func responseParams(model, text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model: model, Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)},
	}
}

// responsePieces returns what a model responds to a text, as a stream.
func responsePieces(ctx context.Context, client openai.Client, model, text string) (pieces []string, err error) {
	stream := client.Responses.NewStreaming(ctx, responseParams(model, text))
	defer stream.Close()
	for stream.Next() {
		if event := stream.Current(); event.Type == "response.output_text.delta" {
			pieces = append(pieces, event.Delta)
		}
	}
	return pieces, stream.Err()
}

// embedding returns the vector of a text.
func embedding(ctx context.Context, client openai.Client, model, text string) ([]float64, error) {
	answer, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: model, Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String(text)},
	})
	if err != nil {
		return nil, err
	}
	return answer.Data[0].Embedding, nil
}

// modelNames returns the names in the list of models.
func modelNames(ctx context.Context, client openai.Client) (names []string, err error) {
	list, err := client.Models.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, found := range list.Data {
		names = append(names, found.ID)
	}
	return names, nil
}

func chat(ctx context.Context, client openai.Client, name string) error {
	text, err := completion(ctx, client, model, prompt(name))
	if err != nil {
		return err
	}
	return checkText(name, text)
}

func chatStream(ctx context.Context, client openai.Client, name string) error {
	pieces, err := completionPieces(ctx, client, model, prompt(name))
	if err != nil {
		return err
	}
	return checkStream(name, pieces)
}

func response(ctx context.Context, client openai.Client, name string) error {
	answer, err := client.Responses.New(ctx, responseParams(model, prompt(name)))
	if err != nil {
		return err
	}
	return checkText(name, answer.OutputText())
}

func responseStream(ctx context.Context, client openai.Client, name string) error {
	pieces, err := responsePieces(ctx, client, model, prompt(name))
	if err != nil {
		return err
	}
	return checkStream(name, pieces)
}

func embeddings(ctx context.Context, client openai.Client, name string) error {
	vector, err := embedding(ctx, client, embeddingModel, name)
	if err != nil {
		return err
	}
	return checkVector(vector)
}

func uploadFile(ctx context.Context, client openai.Client, _ string) error {
	file, err := client.Files.New(ctx, openai.FileNewParams{
		File:    openai.File(bytes.NewReader(upload), "lines.jsonl", "application/jsonl"),
		Purpose: openai.FilePurposeFineTune,
	})
	if err != nil {
		return err
	}
	return checkUpload(file.RawJSON())
}

func models(ctx context.Context, client openai.Client, _ string) error {
	names, err := modelNames(ctx, client)
	if err == nil && !slices.Contains(names, model) {
		err = fmt.Errorf("the list of models lacks %s", model)
	}
	return err
}

func cutStream(ctx context.Context, name string) error {
	client := connect(name, option.WithBaseURL(keyBase+"/openai/v1/"), option.WithAPIKey(key),
		option.WithHeader("x-lookalike-fault", "cut-chunked"))
	stream := client.Chat.Completions.NewStreaming(ctx, chatParams(model, prompt(name)))
	defer stream.Close()
	events := 0
	for stream.Next() {
		events++
	}
	switch err := stream.Err(); {
	case err == nil:
		return errors.New("a cut stream passed for a complete one")
	case events < 10:
		return fmt.Errorf("only %d events came before the cut: %w", events, err)
	}
	return nil
}

func leave(ctx context.Context, name string) error {
	client := connect(name, option.WithBaseURL(keyBase+"/openai/v1/"), option.WithAPIKey(key),
		option.WithHeader("x-lookalike-interval", "1s"))
	stream := client.Chat.Completions.NewStreaming(ctx, chatParams(model, prompt(name)))
	if !stream.Next() {
		return fmt.Errorf("no event came: %w", stream.Err())
	}
	return stream.Close()
}
