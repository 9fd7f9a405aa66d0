// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// connect makes a client with the settings that Arvados users have.
func connect() (*collection.Client, error) {
	settings, err := api.FromEnv(os.Environ())
	if err != nil {
		return nil, err
	}
	server, err := api.New(settings)
	if err != nil {
		return nil, err
	}
	return collection.NewClient(server, collection.Options{})
}

// A manifest without a cluster: names and sizes.
func Example() {
	c, err := collection.Parse("./sub acbd18db4cc2f85cedef654fccc4a4d8+3 0:3:foo.txt\n")
	if err != nil {
		fmt.Println(err)
		return
	}
	err = fs.WalkDir(c, ".", func(path string, d fs.DirEntry, err error) error {
		fmt.Println(path, d.IsDir())
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	pdh, err := c.PDH()
	fmt.Println(pdh, err)
	// Output:
	// . true
	// sub true
	// sub/foo.txt false
	// 68468dbc806fc33b0daabcfa20e6d044+53 <nil>
}

// Files of a collection behind a web server, with ranges.
func Example_fileServer() {
	client, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c, err := client.Load(context.Background(), "zzzzz-4zz18-000000000000000")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: http.FileServer(http.FS(c)), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// Objects and a file of one's own, saved as one collection.
func ExampleCollection_ImportFromS3() {
	ctx := context.Background()
	client, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c := client.New()
	result, err := c.ImportFromS3(ctx, []collection.Source{
		{URL: "s3://genomics-ref/hg38/", Path: "ref", Include: []string{"**/*.fa.gz"}},
	}, collection.ImportOptions{
		Progress: func(p collection.Progress) { log.Printf("%d files, %d bytes", p.Files, p.Bytes) },
		Skipped:  func(s collection.Skipped) { log.Printf("%s is left out: %s", s.URL, s.Text) },
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := c.WriteFile(ctx, "README", []byte("Made from hg38.\n")); err != nil {
		log.Fatal(err)
	}
	if err := c.Save(ctx, collection.SaveOptions{Name: "Reference"}); err != nil {
		log.Fatal(err)
	}
	pdh, err := c.PDH()
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("%d files in %s, and for ever in %s", result.Files, c.Record().UUID, pdh)
}

// A part of a large file, with a context that ends the read.
func ExampleCollection_OpenFile() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c, err := client.Load(ctx, "83367e8913dcec0bf3fc25ed5a27eacb+49")
	if err != nil {
		log.Fatal(err)
	}
	f, err := c.OpenFile(ctx, "sample.cram")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(os.Stdout, io.NewSectionReader(f, 1<<30, 4096)); err != nil {
		log.Fatal(err)
	}
}

// What can no longer be read, and what is new in the bucket.
func ExampleCollection_Check() {
	ctx := context.Background()
	client, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c, err := client.Load(ctx, "zzzzz-4zz18-000000000000000")
	if err != nil {
		log.Fatal(err)
	}
	report, err := c.Check(ctx, collection.CheckOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range report.Objects {
		log.Printf("%s: %s, needed by %d files", o.Object, o.Status, o.FileCount)
	}
	diff, err := c.Refresh(ctx, collection.RefreshOptions{Mode: collection.Append})
	if err != nil {
		log.Fatal(err)
	}
	for _, change := range diff.Changes {
		log.Printf("%s: %s", change.Path, change.Kind)
	}
	if err := c.Save(ctx, collection.SaveOptions{KeepVersion: true}); err != nil {
		log.Fatal(err)
	}
}

// What the owner of the buckets must keep.
func ExampleCollection_ObjectsIn() {
	client, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	c, err := client.Load(context.Background(), "zzzzz-4zz18-000000000000000")
	if err != nil {
		log.Fatal(err)
	}
	for use, err := range c.ObjectsIn("samples") {
		if err != nil {
			log.Fatal(err)
		}
		log.Printf("%s: %d bytes, needed by %d files", use.Object, use.Size, use.Files)
	}
}

// An import that goes on when the program is run again, into a collection that
// others may change meanwhile.
func ExampleJournal() {
	ctx := context.Background()
	client, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	sources := []collection.Source{{URL: "s3://genomics-ref/hg38/"}}
	file, err := os.OpenFile("hg38.journal", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	part := client.New()
	if _, err := part.ImportFromS3(ctx, sources, collection.ImportOptions{Journal: &collection.Journal{File: file}}); err != nil {
		log.Fatal(err) // run the program again to go on
	}
	for try := 0; ; try++ {
		c, err := client.Load(ctx, "zzzzz-4zz18-000000000000000")
		if err != nil {
			log.Fatal(err)
		}
		if _, err := c.Merge(part, collection.ClashReplace); err != nil {
			log.Fatal(err)
		}
		err = c.Save(ctx, collection.SaveOptions{})
		if err == nil {
			break
		}
		if collection.KindOf(err) != collection.Conflict || try == 5 {
			log.Fatal(err)
		}
	}
	if err := os.Remove(file.Name()); err != nil {
		log.Print(err)
	}
}
