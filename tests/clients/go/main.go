// Reads the first records of a topic with franz-go as it comes, and prints each as a line of JSON.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

type record struct {
	Key     string            `json:"key"`
	Headers map[string][]byte `json:"headers"`
	Value   []byte            `json:"value"`
}

func main() {
	left, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(os.Args[1], ",")...),
		kgo.ConsumeTopics(os.Args[2]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	printed := json.NewEncoder(os.Stdout)
	for left > 0 {
		fetches := client.PollFetches(context.Background())
		for _, failed := range fetches.Errors() {
			log.Fatal(failed.Err)
		}
		fetches.EachRecord(func(read *kgo.Record) {
			headers := map[string][]byte{}
			for _, one := range read.Headers {
				headers[one.Key] = one.Value
			}
			if err := printed.Encode(record{string(read.Key), headers, read.Value}); err != nil {
				log.Fatal(err)
			}
			left--
		})
	}
}
