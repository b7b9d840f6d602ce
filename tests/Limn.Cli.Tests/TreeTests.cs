using System.Text.Json;
using Limn.Data;
using Limn.Trees;
using Limn.Trees.Shap;

namespace Limn.Cli.Tests;

/// <summary>Ensembles of trees on the command line.</summary>
public sealed class TreeTests : IDisposable
{
    private const float None = float.NaN;

    private readonly Folder folder = new();

    private static string Wine => Path.Combine(SharedFiles.Root, "samples", "wine", "trees.json");

    private static string WineRows => Path.Combine(SharedFiles.Root, "samples", "wine", "test.csv");

    public void Dispose() => folder.Dispose();

    /// <summary>Two features, "a" and "b": a tree on a of depth 1 and one on both of depth 2; a classifier.</summary>
    private static TreeEnsemble Small(bool missing = true)
    {
        MissingRule rule = missing ? MissingRule.Nan : MissingRule.None;
        return new TreeEnsemble(new EnsembleDescription
        {
            Trees =
            [
                new Tree { Left = [1, -1, -1], Right = [2, -1, -1], Feature = [0, 0, 0], Threshold = [0.5, 0, 0], Values = [0, -1, 1], Cover = [10, 6, 4], Missing = [rule, rule, rule] },
                new Tree { Left = [1, 3, -1, -1, -1], Right = [2, 4, -1, -1, -1], Feature = [1, 0, 0, 0, 0], Threshold = [2, -1, 0, 0, 0], Values = [0, 0, 0.5, -0.25, 0.75], Cover = [10, 7, 3, 2, 5] },
            ],
            Features = 2,
            FeatureNames = ["a", "b"],
            Rule = SplitRule.Less,
            Precision = ThresholdPrecision.Single,
            Transform = OutputTransform.Logistic,
            Objective = "binary:logistic",
        });
    }

    private string SmallFile()
    {
        XgboostWriter.Write(Small(), folder["small.json"]);
        return folder["small.json"];
    }

    private string Rows(int count, string name = "rows.csv", string header = "a,b,y")
    {
        var random = new Random(3);
        return folder.Text(name, $"{header}\n" + string.Concat(Enumerable.Range(0, count).Select(_ => FormattableString.Invariant($"{random.NextDouble() * 4 - 2:F3},{random.NextDouble() * 6 - 1:F3},{random.Next(2)}\n"))));
    }

    private static float[] Values(string path) => NpyFile.Read(path).Elements<float>().ToArray();

    private JsonElement Json(string path) => JsonDocument.Parse(File.ReadAllText(folder[path])).RootElement;

    [Fact]
    public void Inspect_says_what_the_trees_are()
    {
        JsonElement json = CommandLine.Done("inspect", Wine, "--json").Json;
        Assert.Equal("XGBoost JSON", json.GetProperty("format").GetString());
        Assert.Equal((60, 3, 13, 3), (json.GetProperty("trees").GetInt32(), json.GetProperty("depth").GetInt32(), json.GetProperty("features").GetInt32(), json.GetProperty("outputs").GetInt32()));
        Assert.Equal("multi:softprob", json.GetProperty("objective").GetString());
        Assert.True(json.GetProperty("cover").GetBoolean());
        Assert.Contains("60 trees of depth up to 3", CommandLine.Done("inspect", Wine).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Predict_gives_probabilities_and_finds_the_columns_by_name()
    {
        Ran ran = CommandLine.Done("predict", SmallFile(), "--input", folder.Text("x.csv", "y,b,a\n1,3,0\n0,0,1\n"), "--json");
        double[] scores = [.. ran.Json.GetProperty("rows").EnumerateArray().Select(r => r.GetProperty("top")[0].GetProperty("score").GetDouble())];
        Assert.Equal("probabilities", ran.Json.GetProperty("scores").GetString());
        Assert.Equal(1 / (1 + Math.Exp(0.5)), scores[0], 1e-6);
        Assert.Equal(1 / (1 + Math.Exp(-1.75)), scores[1], 1e-6);
    }

    [Fact]
    public void Tree_shap_with_a_background_adds_up_and_writes_what_the_library_computes()
    {
        string model = SmallFile(), rows = Rows(6), background = Rows(5, "back.csv");
        string[] ask = ["explain", "--model", model, "--input", rows, "--background", background];
        CommandLine.Done([.. ask, "--method", "tree-shap", "--set", "output=probability", "--output", folder["trees"]]);
        JsonElement json = Json("trees/explanation.json");
        float[] values = Values(folder["trees/attribution.npy"]);
        for (int r = 0; r < 6; r++)
        {
            double sum = values[2 * r] + values[2 * r + 1] + json.GetProperty("expectedValue")[r].GetDouble();
            Assert.Equal(json.GetProperty("prediction")[r].GetDouble(), sum, 1e-6);
            Assert.Equal(0, json.GetProperty("convergenceDelta")[r].GetDouble(), 1e-9);
        }
        Assert.Equal("a", json.GetProperty("features")[0][0].GetProperty("name").GetString());
        Assert.True(File.Exists(folder["trees/waterfall.vl.json"]));

        CommandLine.Done([.. ask, "--method", "tree-shap", "--output", folder["margin"]]);
        var shap = new TreeShap(TreeFile.Read(model).Ensemble, new TreeShapOptions { Background = FloatsOf(background) });
        TreeShapValues expected = shap.Explain(FloatsOf(rows));
        float[] margins = Values(folder["margin/attribution.npy"]);
        for (int i = 0; i < margins.Length; i++) Assert.Equal((float)expected.Values[i], margins[i]);
    }

    private static float[] FloatsOf(string csv)
    {
        CsvTable table = CsvTable.Read(csv);
        return [.. Enumerable.Range(0, table.Rows).SelectMany(r => new[] { table.Values[r, 0], table.Values[r, 1] })];
    }

    [Fact]
    public void Several_outputs_make_three_dimensions_unless_one_is_asked_for()
    {
        CommandLine.Done("explain", "--model", Wine, "--input", WineRows, "--method", "tree-shap", "--output", folder["all"]);
        Assert.Equal([44, 13, 3], NpyFile.Read(folder["all/attribution.npy"]).Shape.ToArray());
        CommandLine.Done("explain", "--model", Wine, "--input", WineRows, "--method", "tree-shap", "--target", "1", "--output", folder["one"]);
        Assert.Equal([44, 13], NpyFile.Read(folder["one/attribution.npy"]).Shape.ToArray());
        float[] all = Values(folder["all/attribution.npy"]), one = Values(folder["one/attribution.npy"]);
        for (int i = 0; i < one.Length; i++) Assert.Equal(all[3 * i + 1], one[i]);
    }

    [Fact]
    public void Interactions_sum_to_the_values()
    {
        CommandLine.Done("explain", "--model", SmallFile(), "--input", Rows(4), "--method", "tree-shap", "--set", "interactions=true", "--output", folder["out"]);
        float[] values = Values(folder["out/attribution.npy"]), pairs = Values(folder["out/interactions.npy"]);
        for (int i = 0; i < values.Length; i++) Assert.Equal(values[i], pairs[2 * i] + pairs[2 * i + 1], 1e-6);
        Assert.Contains(pairs.Where((_, i) => i % 4 == 1), v => v != 0);
    }

    [Fact]
    public void The_log_loss_takes_its_labels_from_a_column_or_a_file()
    {
        string model = SmallFile(), rows = Rows(5), background = Rows(3, "back.csv");
        string truth = folder.Text("y.csv", string.Concat(File.ReadLines(rows).Skip(1).Select(l => l.Split(',')[2] + "\n")));
        string[] ask = ["explain", "--model", model, "--input", rows, "--background", background, "--method", "tree-shap", "--set", "output=log-loss"];
        CommandLine.Done([.. ask, "--truth", "y", "--output", folder["column"]]);
        CommandLine.Done([.. ask, "--truth", truth, "--output", folder["file"]]);
        CommandLine.Done([.. ask, "--truth", "y", "--stream", "--output", folder["stream"]]);
        Assert.Equal(Values(folder["column/attribution.npy"]), Values(folder["file/attribution.npy"]));
        Assert.Equal(Values(folder["column/attribution.npy"]), Values(folder["stream/attribution.npy"]));
        CommandLine.Run([.. ask, "--output", folder["none"]]).Refused(1, "labels");
    }

    [Fact]
    public void An_onnx_file_with_trees_and_other_methods_work_too()
    {
        OnnxTreeWriter.Write(Small(), folder["small.onnx"]);
        string rows = folder.Text("ab.csv", "a,b\n0,3\n1,0\n-2,1\n"), background = folder.Text("back.csv", "a,b\n0.2,0\n2,4\n");
        CommandLine.Done("explain", "--model", folder["small.onnx"], "--input", rows, "--background", background, "--method", "tree-shap", "--output", folder["onnx"]);
        CommandLine.Done("explain", "--model", SmallFile(), "--input", rows, "--background", background, "--method", "tree-shap", "--output", folder["json"]);
        float[] onnx = Values(folder["onnx/attribution.npy"]), json = Values(folder["json/attribution.npy"]);
        Assert.Equal(6, json.Length);
        Ran compared = CommandLine.Done("explain", "--model", folder["small.json"], "--input", rows, "--background", background, "--method", "all", "--output", folder["several"], "--json");
        string[] methods = [.. compared.Json.GetProperty("methods").EnumerateArray().Select(m => m.GetString()!)];
        Assert.Contains("kernel-shap", methods);
        Assert.Contains("tree-shap", methods);
        int outputs = onnx.Length / json.Length;
        for (int i = 0; i < json.Length; i++) Assert.Equal(json[i], onnx[i * outputs + outputs - 1], 1e-5);
    }

    [Fact]
    public void Groups_of_a_schema_are_players()
    {
        string schema = folder.Text("schema.json", """{ "features": [ { "name": "both", "oneHot": { "a": "x", "b": "y" } } ], "columns": ["a", "b"] }""");
        Ran ran = CommandLine.Run("explain", "--model", SmallFile(), "--input", folder.Text("u.csv", "both\nx\ny\n"), "--schema", schema, "--method", "tree-shap", "--output", folder["out"]);
        Assert.True(ran.Code == 0, ran.Error);
        JsonElement json = Json("out/explanation.json");
        Assert.Equal("both", Assert.Single(json.GetProperty("features")[0].EnumerateArray()).GetProperty("name").GetString());
    }

    [Theory]
    [InlineData("5000", false)]
    [InlineData("5001", true)]
    public void Many_rows_are_streamed(string count, bool streamed)
    {
        CommandLine.Done("explain", "--model", SmallFile(), "--input", Rows(int.Parse(count, System.Globalization.CultureInfo.InvariantCulture)), "--method", "tree-shap", "--output", folder["out"]);
        Assert.Equal(streamed, File.Exists(folder["out/prediction.npy"]));
        Assert.Equal(2 * int.Parse(count, System.Globalization.CultureInfo.InvariantCulture), Values(folder["out/attribution.npy"]).Length);
    }

    [Fact]
    public void A_stream_gives_the_same_bits_charts_and_means()
    {
        string model = SmallFile(), rows = Rows(1000);
        CommandLine.Done("explain", "--model", model, "--input", rows, "--method", "tree-shap", "--output", folder["once"]);
        CommandLine.Done("explain", "--model", model, "--input", rows, "--method", "tree-shap", "--stream", "--output", folder["stream"]);
        Assert.Equal(File.ReadAllBytes(folder["once/attribution.npy"]), File.ReadAllBytes(folder["stream/attribution.npy"]));
        JsonElement json = Json("stream/explanation.json");
        Assert.Equal(1000, json.GetProperty("rows").GetInt32());
        float[] values = Values(folder["stream/attribution.npy"]);
        Assert.Equal(values.Where((_, i) => i % 2 == 0).Average(v => Math.Abs((double)v)), json.GetProperty("importance")[0].GetProperty("meanAbsolute").GetDouble(), 1e-9);
        Assert.InRange(json.GetProperty("largestConvergenceDelta").GetDouble(), 0, 1e-5);
        foreach (string chart in (string[])["importance", "beeswarm", "violin", "dependence", "cohorts", "heatmap", "decisions", "forces"])
        {
            Assert.True(File.Exists(folder[$"stream/{chart}.vl.json"]), chart);
            Assert.True(File.Exists(folder[$"once/{chart}.vl.json"]), chart);
        }
        // An .npy file is streamed as well.
        string npy = folder.Array("rows.npy", FloatsOf(rows), 1000, 2);
        CommandLine.Done("explain", "--model", model, "--input", npy, "--method", "tree-shap", "--stream", "--output", folder["npy"]);
        Assert.Equal(values, Values(folder["npy/attribution.npy"]));
    }

    [Fact]
    public void Cancelling_leaves_nothing_and_resuming_goes_on_where_asked()
    {
        string model = SmallFile(), rows = Rows(20000);
        string[] ask = ["explain", "--model", model, "--input", rows, "--method", "tree-shap", "--output", folder["out"]];
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        string[] before = folder.Entries;
        Ran ran = CommandLine.Run(cancelled.Token, ask);
        Assert.Equal(1, ran.Code);
        Assert.Equal(before, folder.Entries);

        Ran kept = CommandLine.Run(cancelled.Token, [.. ask, "--resume"]);
        kept.Refused(1, "--resume goes on");
        Assert.True(Directory.Exists(folder["out.partial"]));
        CommandLine.Run([.. ask, "--resume", "--seed", "5"]).Refused(1, "another command");
        CommandLine.Done([.. ask, "--resume"]);
        Assert.False(Directory.Exists(folder["out.partial"]));
        CommandLine.Done("explain", "--model", model, "--input", rows, "--method", "tree-shap", "--output", folder["other"]);
        Assert.Equal(File.ReadAllBytes(folder["other/attribution.npy"]), File.ReadAllBytes(folder["out/attribution.npy"]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_wrong_with_rows_is_said_in_a_line_and_nothing_is_written(bool stream)
    {
        string model = SmallFile();
        string[] before = folder.Entries;
        void Refused(string csv, params string[] words)
        {
            string rows = folder.Text("bad.csv", csv);
            CommandLine.Run(["explain", "--model", model, "--input", rows, "--method", "tree-shap", "--output", folder["out"], .. stream ? new[] { "--stream" } : []]).Refused(1, words);
            File.Delete(rows);
            Assert.Equal(before, folder.Entries);
        }
        Refused("a,c\n1,2\n", "'b'");
        Refused("1,2,3\n4,5,6\n", "3 columns", "2");
        Refused("a,b\n1,2\n3,red\n", "'red'", "line 3", "'b'");
        Refused("a,b\n1,2\n3\n", "line 3");
        Refused("a,b\n", "no rows");
    }

    [Fact]
    public void A_missing_value_without_a_branch_is_named_by_row_and_column()
    {
        float[] rows = [0, 1, None, 2];
        var shap = new TreeShapMethod(Small(missing: false));
        // "a" has a branch for it in the second tree.
        Assert.Equal(2, shap.Explain(System.Numerics.Tensors.Tensor.Create(rows, [2, 2])).Prediction.Count);
        string lightgbm = Path.Combine(SharedFiles.Root, "tests", "Limn.Tests", "Trees", "Models", "lightgbm_complete.txt");
        int features = TreeFile.Read(lightgbm).Ensemble.Features;
        string csv = folder.Text("nan.csv", string.Join(',', Enumerable.Repeat("1", features)) + "\n" + string.Join(',', Enumerable.Repeat("nan", features)) + "\n");
        foreach (string[] more in (string[][])[[], ["--stream"]])
            CommandLine.Run(["explain", "--model", lightgbm, "--input", csv, "--method", "tree-shap", "--output", folder["out"], .. more]).Refused(1, "Row 1", "column 0", "branch");
    }

    [Fact]
    public void What_is_no_tree_model_is_said()
    {
        string table = folder.Table();
        CommandLine.Run("explain", "--model", table, "--input", folder.Text("t.csv", "1,2,3\n"), "--method", "tree-shap", "--output", folder["out"]).Refused(2, "no", "trees", "kernel-shap");
        byte[] whole = File.ReadAllBytes(SmallFile());
        CommandLine.Run("explain", "--model", folder.Bytes("cut.json", whole[..(whole.Length / 2)]), "--input", folder.Text("t.csv", "1,2\n"), "--method", "tree-shap", "--output", folder["out"]).Refused(1, "cut.json");
        CommandLine.Run("inspect", folder.Text("other.json", "{\"a\": 1}")).Refused(1, "other.json", "XGBoost");
        CommandLine.Run("explain", "--model", SmallFile(), "--input", folder.Text("t.csv", "1,2\n"), "--method", "saliency", "--output", folder["out"]).Refused(2, "network");
        CommandLine.Run("explain", "--model", SmallFile(), "--input", folder.Text("t.csv", "1,2\n"), "--method", "tree-shap", "--set", "output=probability", "--output", folder["out"]).Refused(2, "background");
        CommandLine.Run("explain", "--model", table, "--input", folder.Text("t.csv", "1,2,3\n"), "--method", "feature-ablation", "--stream", "--output", folder["out"]).Refused(2, "tree-shap");
        Assert.False(Directory.Exists(folder["out"]));
    }
}
