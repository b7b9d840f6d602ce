using System.Text.Json;
using Limn.Data;

namespace Limn.Cli.Tests;

public sealed class CommandTests : IDisposable
{
    private readonly Folder folder = new();

    public void Dispose() => folder.Dispose();

    private string Rows => folder.Array("x.npy", [1, 2, 3, 4, 5, 0.5f], 2, 3);

    private static double[] Doubles(JsonElement list) => [.. list.EnumerateArray().Select(v => v.GetDouble())];

    [Theory]
    [InlineData("demo")]
    [InlineData("inspect")]
    [InlineData("predict")]
    [InlineData("explain")]
    [InlineData("compile")]
    [InlineData("methods")]
    [InlineData("profile")]
    public void Help_has_examples(string command)
    {
        Ran ran = CommandLine.Done(command, "--help");
        Assert.Contains("Usage:", ran.Out, StringComparison.Ordinal);
        Assert.Contains($"limn {command}", ran.Out[ran.Out.IndexOf("Examples:", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }

    [Fact]
    public void Version_is_one_line() => Assert.Matches(@"^limn \d+\.\d+\.\d+\r?\n$", CommandLine.Done("--version").Out);

    [Fact]
    public void No_arguments_show_the_help() => Assert.Contains("Exit codes", CommandLine.Done().Out, StringComparison.Ordinal);

    [Fact]
    public void Methods_are_listed_with_options()
    {
        JsonElement methods = CommandLine.Done("methods", "--json").Json.GetProperty("methods");
        Assert.Equal(MethodRegistry.All.Count, methods.GetArrayLength());
        JsonElement ig = methods.EnumerateArray().First(m => m.GetProperty("name").GetString() == "integrated-gradients");
        Assert.True(ig.GetProperty("takesBaseline").GetBoolean());
        Assert.Contains(ig.GetProperty("options").EnumerateArray(), o => o.GetProperty("name").GetString() == "steps" && o.GetProperty("default").GetInt32() == 50);
        Assert.Equal("3 × forward + steps × (forward + backward)", ig.GetProperty("cost").GetString());
        Assert.Contains("∫", ig.GetProperty("formula").GetString(), StringComparison.Ordinal);
        Assert.Equal(["completeness", "sensitivity", "dummy", "implementation-invariance", "symmetry"], ig.GetProperty("axioms").EnumerateArray().Select(x => x.GetString()));
        Assert.Contains("--set steps=50", CommandLine.Done("methods").Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_shows_inputs_layers_and_parameters()
    {
        JsonElement json = CommandLine.Done("inspect", folder.Table(), "--json").Json;
        Assert.Equal(6, json.GetProperty("parameters").GetInt64());
        JsonElement input = json.GetProperty("inputs")[0];
        Assert.Equal("x", input.GetProperty("name").GetString());
        Assert.Equal("batch", input.GetProperty("shape")[0].GetString());
        Assert.Equal(3, input.GetProperty("shape")[1].GetInt32());
        Assert.Contains(json.GetProperty("layers").EnumerateArray(), l => l.GetProperty("operator").GetString() == "Relu" && l.GetProperty("shape")[1].GetInt32() == 2);
        Assert.Equal(0, json.GetProperty("unsupported").GetArrayLength());
        Assert.Contains("MatMul", CommandLine.Done("inspect", folder["table.onnx"]).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_lists_operators_that_are_not_supported()
    {
        Ran ran = CommandLine.Done("inspect", folder.Unsupported());
        Assert.Contains("Wolu", ran.Out[ran.Out.IndexOf("Not supported", StringComparison.Ordinal)..], StringComparison.Ordinal);
        Assert.Equal("Wolu", CommandLine.Done("inspect", folder["unsupported.onnx"], "--json").Json.GetProperty("unsupported")[0].GetProperty("operator").GetString());
    }

    [Fact]
    public void Predict_writes_outputs_and_ranks_classes()
    {
        string labels = folder.Text("labels.txt", "0,cat\n1,dog\n");
        JsonElement json = CommandLine.Done("predict", folder.Table(), "--input", Rows, "--labels", labels, "--output", folder["out"], "--json").Json;
        Assert.Equal([5f, 9, 14, 1.5f], Folder.Read(folder["out/output.0.npy"]));
        Assert.Equal("scores", json.GetProperty("scores").GetString());
        Assert.Equal("dog", json.GetProperty("rows")[0].GetProperty("top")[0].GetProperty("label").GetString());
        Assert.Equal(0, json.GetProperty("rows")[1].GetProperty("top")[0].GetProperty("class").GetInt32());
        Assert.Contains("dog", CommandLine.Done("predict", folder["table.onnx"], "--input", Rows, "--labels", labels).Out, StringComparison.Ordinal);
        Assert.Equal("probabilities", CommandLine.Done("predict", folder.Table(softmax: true), "--input", Rows, "--json").Json.GetProperty("scores").GetString());
    }

    [Fact]
    public void Explain_writes_what_the_contract_says()
    {
        string input = Rows;
        Ran ran = CommandLine.Done("explain", "--model", folder.Table(), "--input", input, "--method", "integrated-gradients", "--set", "steps=10", "--seed", "7", "--output", folder["out"]);
        Assert.Contains("Row 1: score of class 0 = 14", ran.Out, StringComparison.Ordinal);
        Assert.Equal(["attribution.npy", "explanation.json", "report.html"], Directory.GetFiles(folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        float[] values = Folder.Read(folder["out/attribution.npy"]);
        Assert.All(values.Zip([0f, 0, 9, 4, 10, 0]), p => Assert.Equal(p.Second, p.First, 1e-4f));
        JsonElement json = JsonDocument.Parse(File.ReadAllText(folder["out/explanation.json"])).RootElement;
        foreach (string key in new[] { "schema", "method", "options", "target", "at", "prediction", "convergenceDelta", "standardError", "flags", "seed", "expectedValue", "modelCalls",
            "elapsedSeconds", "model", "limn", "remarks", "baselinePrediction", "targetClasses", "topClasses" })
            Assert.True(json.TryGetProperty(key, out _), key);
        Assert.Equal(1, json.GetProperty("schema").GetInt32());
        Assert.Equal(10, json.GetProperty("options").GetProperty("steps").GetInt32());
        Assert.Equal("gauss-legendre", json.GetProperty("options").GetProperty("quadrature").GetString());
        Assert.Equal(7, json.GetProperty("seed").GetInt32());
        Assert.Equal([9, 14], Doubles(json.GetProperty("prediction")));
        Assert.All(Doubles(json.GetProperty("convergenceDelta")), d => Assert.Equal(0, d, 1e-4));
        Assert.Equal("table.onnx", json.GetProperty("model").GetProperty("file").GetString());
        Assert.Equal(64, json.GetProperty("model").GetProperty("sha256").GetString()!.Length);
    }

    [Fact]
    public void Explain_of_a_picture_draws_a_map_for_each_row()
    {
        string a = folder.Picture("a.png", 9, 7), b = folder.Picture("b.png", 4, 4);
        Ran ran = CommandLine.Done("explain", folder.Pictures(), "--input", a, "--input", b, "--method", "input-x-gradient", "--output", folder["out"]);
        Assert.Contains("4x4, rgb, pixels 0..1, nchw", ran.Error, StringComparison.Ordinal);
        Assert.True(PngFile.Read(folder["out/heatmap.png"]).Width >= 192);
        Assert.True(File.Exists(folder["out/heatmap.1.png"]));
        string page = File.ReadAllText(folder["out/report.html"]);
        Assert.Contains("a.png", page, StringComparison.Ordinal);
        Assert.Contains("data:image/png;base64,", page, StringComparison.Ordinal);
        Assert.Equal([2, 3, 4, 4], NpyFile.Read(folder["out/attribution.npy"]).Shape.ToArray());
        // The same pictures from a folder, as rows in the order of their names.
        Directory.CreateDirectory(folder["pictures"]);
        File.Copy(a, folder["pictures/a.png"]);
        File.Copy(b, folder["pictures/b.png"]);
        CommandLine.Done("explain", folder["pictures.onnx"], "--input", folder["pictures"], "--method", "input-x-gradient", "--output", folder["out2"]);
        Assert.Equal(File.ReadAllBytes(folder["out/attribution.npy"]), File.ReadAllBytes(folder["out2/attribution.npy"]));
    }

    [Theory]
    [InlineData("0..1", new string[0])]
    [InlineData("0..255", new[] { "--preset", "none" })]
    [InlineData("0..255, minus 103.94,116.78,123.68", new[] { "--mean", "103.94,116.78,123.68" })]
    [InlineData("0..1, minus 0.5, divided by 0.25", new[] { "--mean", "0.5", "--std", "0.25" })]
    [InlineData("bgr, pixels multiplied by 2", new[] { "--channels", "bgr", "--scale", "2" })]
    public void What_pixels_become_is_said(string words, string[] options)
    {
        string[] args = ["predict", folder.Pictures(), "--input", folder.Picture("a.png", 4, 4), .. options];
        Assert.Contains(words, CommandLine.Done(args).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_inputs_have_a_file_each()
    {
        string left = folder.Array("l.npy", [1, 2], 1, 2), right = folder.Array("odd=name.npy", [3, 4], 1, 2);
        CommandLine.Done("explain", folder.TwoInputs(), "--input", "left=" + left, "--input", "a/b=" + right, "--target", "sum", "--method", "input-x-gradient", "--output", folder["out"]);
        Assert.Equal([3f, 8], Folder.Read(folder["out/attribution.left.npy"]));
        Assert.Equal([3f, 8], Folder.Read(folder["out/attribution.a_b.npy"]));
    }

    [Fact]
    public void Path_with_an_equals_sign_is_a_path()
    {
        CommandLine.Done("predict", folder.Table(), "--input", folder.Array("x=1.npy", [1, 2, 3], 1, 3));
        CommandLine.Done("predict", folder.Table(), "--input", "x=" + folder["x=1.npy"]);
    }

    [Fact]
    public void Table_with_names_becomes_a_chart_of_contributions()
    {
        string table = folder.Text("t.csv", "label,height,weight,age\n1,1,2,3\n0,4,5,0.5\n");
        CommandLine.Done("explain", folder.Table(), "--input", table, "--drop-column", "label", "--method", "feature-ablation", "--baseline", "mean", "--target", "0,1", "--output", folder["out"]);
        Assert.Contains("weight", File.ReadAllText(folder["out/report.html"]), StringComparison.Ordinal);
        Assert.All(Folder.Read(folder["out/attribution.npy"]).Zip([-1.5f, -3, 0, 0, 0, -3.75f]), p => Assert.Equal(p.Second, p.First, 1e-4f));
    }

    [Fact]
    public void Baselines_backgrounds_and_masks_reach_the_method()
    {
        string input = folder.Array("x.npy", [1, 2, 3], 1, 3);
        Assert.Equal([0f, 2, 0], Attributions("feature-ablation", "--target", "0", "--baseline", folder.Array("b.npy", [1, 1, 1], 1, 3)));
        Assert.Equal([5f, 5, 0], Attributions("feature-ablation", "--target", "0", "--mask", folder.Array("m.npy", [0, 0, 1], 3)));
        Assert.Equal([-1f, -4, 0], Attributions("integrated-gradients", "--target", "0", "--background", folder.Array("rows.npy", [1, 3, 0, 3, 5, 0], 2, 3)));
        Assert.Equal([2f, 5, 0], Attributions("feature-ablation", "--target", "0", "--baseline", "-1"));

        float[] Attributions(string method, params string[] more)
        {
            CommandLine.Done(["explain", folder.Table(), "--input", input, "--method", method, "--output", folder["out"], .. more]);
            return [.. Folder.Read(folder["out/attribution.npy"]).Select(v => MathF.Round(v, 3))];
        }
    }

    [Fact]
    public void Sampled_methods_write_their_standard_error()
    {
        string[] args = ["explain", folder.Table(), "--input", Rows, "--method", "smooth-grad", "--set", "samples=10", "--output"];
        JsonElement json = CommandLine.Done([.. args, folder["out"], "--json"]).Json;
        Assert.Equal(2, json.GetProperty("standardError").GetArrayLength());
        Assert.Equal(6, Folder.Read(folder["out/standard-error.npy"]).Length);
        CommandLine.Done([.. args, folder["again"]]);
        Assert.Equal(File.ReadAllBytes(folder["out/attribution.npy"]), File.ReadAllBytes(folder["again/attribution.npy"]));
    }

    [Fact]
    public void Existing_folder_keeps_what_is_not_ours()
    {
        Directory.CreateDirectory(folder["out"]);
        File.WriteAllText(folder["out/notes.txt"], "mine");
        File.WriteAllText(folder["out/report.html"], "old");
        CommandLine.Done("explain", folder.Table(), "--input", Rows, "--method", "saliency", "--output", folder["out"]);
        Assert.Equal("mine", File.ReadAllText(folder["out/notes.txt"]));
        Assert.NotEqual("old", File.ReadAllText(folder["out/report.html"]));
        Assert.Empty(Directory.GetDirectories(folder["out"]));
    }

    [Fact]
    public void Folder_that_cannot_take_all_files_keeps_its_own()
    {
        Directory.CreateDirectory(folder["out/report.html"]); // a folder where a file is to be
        File.WriteAllText(folder["out/attribution.npy"], "old");
        CommandLine.Run("explain", folder.Table(), "--input", Rows, "--method", "saliency", "--output", folder["out"]).Refused(1, "cannot be written");
        Assert.Equal("old", File.ReadAllText(folder["out/attribution.npy"]));
        Assert.False(File.Exists(folder["out/explanation.json"]));
    }

    [Fact]
    public void Neurons_layers_and_scales()
    {
        string model = folder.Table(softmax: true), input = Rows;
        JsonElement logit = Json("--target", "0", "--output-scale", "logit");
        Assert.Equal([5, 14], Doubles(logit.GetProperty("prediction")));
        JsonElement neuron = Json("--neuron", "MatMul_0:1");
        Assert.Equal([9, 1.5], Doubles(neuron.GetProperty("prediction")));
        Assert.NotNull(Json("--at", "MatMul_0").GetProperty("at").GetString());

        JsonElement Json(params string[] more) => CommandLine.Done(["explain", model, "--input", input, "--method", "saliency", "--json", "--output", folder["out"], .. more]).Json;
    }

    [Fact]
    public void Profile_measures_operators()
    {
        JsonElement json = CommandLine.Done("profile", folder.Table(), "--batch", "3", "--repeat", "3", "--warm-up", "0", "--threads", "1", "--backward", "--json").Json;
        Assert.Equal(3, json.GetProperty("batch").GetInt32());
        Assert.Equal(1, json.GetProperty("threads").GetInt32());
        Assert.True(json.GetProperty("backward").GetBoolean());
        Assert.True(json.GetProperty("medianMilliseconds").GetDouble() > 0);
        Assert.True(json.GetProperty("peakBytes").GetInt64() >= 24);
        Assert.True(json.GetProperty("machine").GetProperty("flopsPerSecond").GetDouble() > 1e7);
        Assert.Contains(json.GetProperty("operators").EnumerateArray(), o => o.GetProperty("operator").GetString() == "Relu" && o.GetProperty("count").GetInt32() == 1);
        Assert.Equal(1, json.GetProperty("operators").EnumerateArray().Sum(o => o.GetProperty("share").GetDouble()), 1e-6);
        CommandLine.Run("profile", folder["table.onnx"], "--dim", "height=3").Refused(2, "height", "batch");
        CommandLine.Run("profile", folder["table.onnx"], "--batch", "0").Refused(2, "--batch");
        CommandLine.Run("profile", folder["none.onnx"]).Refused(1, "none.onnx");
    }

    [Fact]
    public void Profile_of_a_sample_shows_its_convolutions_forwards_and_backwards()
    {
        string model = Path.Combine(SharedFiles.Root, "samples", "digits", "model.onnx");
        string shown = CommandLine.Done("profile", model, "--batch", "2", "--backward", "--repeat", "1", "--warm-up", "0").Out;
        foreach (string word in (string[])["conv1", "ConvolutionInputGradient", "[2,16,8,8]", "slowest nodes"]) Assert.Contains(word, shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Profile_takes_the_users_rows_and_counts_their_work()
    {
        string model = folder.Table(), rows = folder.Array("five.npy", [.. Enumerable.Range(0, 15).Select(i => (float)i)], 5, 3);
        Ran ran = CommandLine.Done("profile", model, "--input", rows, "--repeat", "1", "--warm-up", "0", "--all", "--output", folder["profile"]);
        foreach (string word in (string[])["[5,3]", "Relu", "GFLOP/s", "of roof"]) Assert.Contains(word, ran.Out, StringComparison.Ordinal);
        JsonElement json = JsonDocument.Parse(File.ReadAllText(folder["profile/profile.json"])).RootElement;
        Assert.Equal(5, json.GetProperty("batch").GetInt32());
        JsonElement product = json.GetProperty("nodes").EnumerateArray().Single(n => n.GetProperty("operator").GetString() == "MatMul");
        int columns = product.GetProperty("shape")[1].GetInt32();
        Assert.Equal(2 * 5 * 3 * columns, product.GetProperty("flops").GetInt64());
        Assert.Equal(4 * (5 * 3 + 3 * columns + 5 * columns), product.GetProperty("bytes").GetInt64());
        CommandLine.Run("profile", model, "--input", rows, "--batch", "2").Refused(2, "--batch", "--input");
        CommandLine.Run("profile", model, "--input", folder.Array("wide.npy", [1, 2], 1, 2)).Refused(1, "wide.npy");
    }

    [Fact]
    public void Demo_writes_a_page_where_the_samples_are_built_in()
    {
        if (Demo.DemoSample.All.Count == 0)
        {
            CommandLine.Run("demo", "--output", folder["out"]).Refused(1, "no samples");
            return;
        }
        CommandLine.Done("demo", "--output", folder["out"]);
        string page = File.ReadAllText(folder["out/report.html"]);
        foreach (Demo.DemoSample sample in Demo.DemoSample.All) Assert.Contains(sample.Title, page, StringComparison.Ordinal);
    }
}
