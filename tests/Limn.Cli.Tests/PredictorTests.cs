using System.Text.Json;
using Limn.Data;

namespace Limn.Cli.Tests;

public sealed class PredictorTests : IDisposable
{
    private const string Score = """
        const lines = require('fs').readFileSync(0, 'utf8').trim().split('\n'), head = lines[0].split(',');
        for (const line of lines.slice(1)) {
          const row = Object.fromEntries(line.split(',').map((v, i) => [head[i], v]));
          console.log([0, row.job === undefined ? 3 * row.z + 2 * row.z * row.b : (row.job === 'nurse' ? 2 : 0) + row.income / 100]);
        }
        """;

    private const string Schema = """
        { "features": [ { "name": "income", "unit": "EUR", "column": "z", "scale": { "mean": 100, "deviation": 50 } }, { "name": "job", "oneHot": { "a": "clerk", "b": "nurse" } } ] }
        """;

    private readonly Folder folder = new();

    public void Dispose() => folder.Dispose();

    private string[] Explain(params string[] more)
    {
        folder.Text("score.js", Score);
        folder.Text("row.csv", "job,income,label\nnurse,200,1\n");
        folder.Text("train.csv", "income,job,label\n100,clerk,0\n100,clerk,1\n");
        return ["explain", "--predictor", $"node \"{folder["score.js"]}\"", "--input", folder["row.csv"], "--output", folder["out"], "--drop-column", "label", .. more];
    }

    private JsonElement Document => JsonDocument.Parse(File.ReadAllText(folder["out/explanation.json"])).RootElement;

    private static (string?, string?, double)[] Features(JsonElement row) =>
        [.. row.EnumerateArray().Select(f => (f.GetProperty("name").GetString(), f.GetProperty("value").GetString(), Math.Round(f.GetProperty("attribution").GetDouble(), 4)))];

    [Fact]
    public void A_program_is_explained_in_the_users_terms()
    {
        string schema = folder.Text("schema.json", Schema);
        Ran ran = CommandLine.Done(Explain("--background", folder["train.csv"], "--schema", schema, "--method", "shapley-interactions", "--target", "1"));
        Assert.Contains("income 200 EUR: +8", ran.Out, StringComparison.Ordinal);
        Assert.Contains("job nurse: +2", ran.Out, StringComparison.Ordinal);
        Assert.Equal([("income", "200 EUR", 8), ("job", "nurse", 2)], Features(Document.GetProperty("features")[0]));
        Assert.Equal(0, Document.GetProperty("expectedValue")[0].GetDouble(), 1e-6);
        Assert.Equal([1, 2, 2], NpyFile.Read(folder["out/interactions.npy"]).Shape.ToArray());
        Assert.Equal(JsonValueKind.Null, Document.GetProperty("model").GetProperty("sha256").ValueKind);
        Assert.Contains("score.js", Document.GetProperty("model").GetProperty("file").GetString(), StringComparison.Ordinal);
        foreach (string chart in new[] { "contributions", "waterfall", "force", "interactions" })
        {
            JsonElement spec = JsonDocument.Parse(File.ReadAllText(folder[$"out/{chart}.vl.json"])).RootElement;
            Assert.Contains("vega-lite", spec.GetProperty("$schema").GetString(), StringComparison.Ordinal);
            Assert.Equal(640, spec.GetProperty("width").GetInt32());
        }
        string page = File.ReadAllText(folder["out/report.html"]);
        Assert.Contains("From the expected value to this score", page, StringComparison.Ordinal);
        Assert.Contains("200 EUR", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_schema_the_program_gets_the_table_as_it_is_text_and_all()
    {
        CommandLine.Done(Explain("--background", folder["train.csv"], "--background-summary", "sample:1", "--method", "shapley-values", "--target", "1"));
        Assert.Equal([("job", "nurse", 2), ("income", "200", 1)], Features(Document.GetProperty("features")[0])); // the background's columns are found by name
    }

    [Fact]
    public void Several_methods_leave_out_those_that_look_inside()
    {
        string schema = folder.Text("schema.json", Schema);
        CommandLine.Done(Explain("--background", folder["train.csv"], "--background-summary", "kmeans:3", "--schema", schema, "--method", "kernel-shap,permutation-shap", "--target", "1", "--predictor-workers", "2"));
        Assert.True(File.Exists(folder["out/kernel-shap/waterfall.vl.json"]));
        CommandLine.Run(Explain("--method", "integrated-gradients", "--schema", schema)).Refused(2, "looks inside the model", "kernel-shap");
    }

    [Fact]
    public void All_methods_are_those_that_need_no_inside()
    {
        string schema = folder.Text("schema.json", Schema);
        CommandLine.Done(Explain("--background", folder["train.csv"], "--background-summary", "sample:1", "--schema", schema, "--method", "all", "--target", "1"));
        JsonElement json = JsonDocument.Parse(File.ReadAllText(folder["out/comparison.json"])).RootElement;
        string?[] left = [.. json.GetProperty("leftOut").EnumerateArray().Select(f => f.GetProperty("method").GetString())];
        Assert.Contains("saliency", left);
        Assert.Contains("smooth-grad", left);
        Assert.DoesNotContain("kernel-shap", left);
    }

    [Fact]
    public void A_text_is_one_row_whose_words_are_the_features()
    {
        string text = folder.Text("text.txt", "a good film,\nreally");
        string script = folder.Text("length.js", "require('fs').readFileSync(0, 'utf8').trim().split('\\n').forEach(l => console.log(JSON.parse(l).text.length));");
        Ran ran = CommandLine.Done("explain", "--predictor", $"node \"{script}\"", "--predictor-format", "jsonl", "--input", text, "--method", "shapley-values", "--target", "0", "--output", folder["out"]);
        Assert.Contains("= 19", ran.Out, StringComparison.Ordinal);
        JsonElement[] words = [.. Document.GetProperty("features")[0].EnumerateArray()];
        Assert.Equal(["a", "good", "film", "really"], words.Select(w => w.GetProperty("name").GetString()));
        Assert.Equal(18, words.Sum(w => w.GetProperty("attribution").GetDouble()), 1e-6); // without words the comma is left
    }

    [Fact]
    public void An_onnx_table_takes_rows_in_the_users_terms()
    {
        string schema = folder.Text("schema.json", """{ "features": [ { "name": "size", "unit": "m", "column": "a" }, { "name": "kind", "oneHot": { "b": "old", "c": "new" } } ] }""");
        string row = folder.Text("row.csv", "kind,size\nnew,3\nold,1\n");
        Ran ran = CommandLine.Done("explain", folder.Table(), "--input", row, "--schema", schema, "--method", "input-x-gradient", "--target", "0", "--output", folder["out"]);
        Assert.Contains("size 3 m: +3", ran.Out, StringComparison.Ordinal);
        Assert.Equal([("size", "1 m", 1), ("kind", "old", 2)], Features(Document.GetProperty("features")[1]));
        CommandLine.Run("explain", folder.Table(), "--input", folder.Text("bad.csv", "kind,size\nneww,3\n"), "--schema", schema, "--method", "kernel-shap", "--output", folder["out"])
            .Refused(1, "bad.csv", "row 0", "'neww'", "Did you mean new?");
    }

    [Fact]
    public void A_table_is_divided_among_several_inputs()
    {
        string schema = folder.Text("schema.json", """{ "features": [ { "name": "size", "unit": "m", "column": "p" }, { "name": "kind", "oneHot": { "q": "old", "r": "new" } }, { "name": "age", "column": "s" } ] }""");
        string row = folder.Text("row.csv", "size,kind,age\n3,new,7\n");
        CommandLine.Done("explain", folder.TwoInputs(), "--input", row, "--background", folder.Text("none.csv", "size,kind,age\n0,old,0\n"), "--schema", schema, "--method", "shapley-values", "--target", "sum", "--output", folder["out"]);
        // p r + q s: the size for what is new, the age for what is old (size 0, age 0).
        Assert.Equal([("size", "3 m", 1.5), ("kind", "new", -2), ("age", "7", 3.5)], Features(Document.GetProperty("features")[0]));
        CommandLine.Run("explain", folder.TwoInputs(), "--input", row, "--schema", folder.Text("few.json", """{ "features": [ { "name": "size" }, { "name": "age" } ] }"""), "--method", "shapley-values", "--target", "sum", "--output", folder["out"])
            .Refused(1, "schema has 2 columns", "take 4");
    }

    [Fact]
    public void Wrong_commands_are_refused_before_anything_runs()
    {
        CommandLine.Run(Explain("--model", "m.onnx", "--method", "kernel-shap")).Refused(2, "give one");
        CommandLine.Run(Explain("--method", "kernel-shap", "--predictor-format", "xml")).Refused(2, "csv or jsonl");
        CommandLine.Run(Explain("--method", "kernel-shap", "--predictor-timeout", "-1")).Refused(2, "seconds");
        CommandLine.Run(Explain("--method", "kernel-shap", "--background-summary", "kmeans:0")).Refused(2, "kmeans:K");
        CommandLine.Run(Explain("--method", "kernel-shap", "--background-summary", "kmeans:2")).Refused(2, "--background FILE");
        CommandLine.Run("explain", "--predictor-timeout", "3", "--input", "x", "--method", "kernel-shap", "--output", folder["out"]).Refused(2, "--predictor");
        CommandLine.Run(Explain("--method", "kernel-shap", "--schema", folder.Text("s.json", "{"))).Refused(1, "s.json", "no JSON");
        CommandLine.Run(Explain("--method", "kernel-shap", "--background", folder["train.csv"], "--background-summary", "kmeans:2")).Refused(2, "sample:N");
        CommandLine.Run(Explain("--method", "kernel-shap", "--background", folder.Text("other.csv", "income,jbo\n1,clerk\n"))).Refused(1, "jbo", "must be the same");
    }

    [Fact]
    public void A_program_that_fails_is_one_line_and_nothing_is_written()
    {
        folder.Text("broken.js", "console.error('Traceback\\nno column z'); process.exit(2)");
        CommandLine.Run("explain", "--predictor", $"node \"{folder["broken.js"]}\"", "--input", folder.Text("x.csv", "a,b\n1,2\n"), "--method", "kernel-shap", "--output", folder["out"])
            .Refused(1, "exit code 2", "Traceback / no column z");
        Assert.False(Directory.Exists(folder["out"]));
    }

    [Fact]
    public void Parts_of_a_picture_are_ranked_on_it()
    {
        string picture = folder.Picture("a.png", 4, 4), mask = folder.Array("mask.npy", [0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3], 4, 4);
        CommandLine.Done("explain", folder.Pictures(), "--input", picture, "--method", "shapley-values", "--mask", mask, "--output", folder["out"]);
        string page = File.ReadAllText(folder["out/report.html"]);
        Assert.Contains("Parts of the picture, strongest first", page, StringComparison.Ordinal);
        Assert.Contains("Strongest parts", page, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, Document.GetProperty("features").ValueKind);
    }
}
