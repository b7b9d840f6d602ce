using System.Diagnostics;
using System.Globalization;
using System.Text;
using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Trees;

namespace Limn.Tests.Trees;

public class TreeWriterTests
{
    // Zero as missing has no form in other formats, and XGBoost has no objective for the last two.
    private static readonly string[] Names = ["dart.json", "multi.json", "poisson.json", "hinge.json", "logitraw.json", "targets.json", "categories.json", "lightgbm_regression.txt", "lightgbm_complete.txt",
        "lightgbm_binary.txt", "lightgbm_multiclass.txt", "lightgbm_ova.txt", "lightgbm_dart.txt", "lightgbm_rf.txt", "lightgbm_leaf.txt", "lightgbm_categories.txt", "lightgbm_sqrt.txt", "lightgbm_lambda.txt"];

    public static TheoryData<string> All => [.. Names];

    [Theory]
    [MemberData(nameof(All))]
    public void A_model_written_as_onnx_predicts_the_same_when_it_is_read_and_when_it_is_run(string name)
    {
        TreeEnsemble model = TreeFile.Read(TreeFiles.Model(name)).Ensemble;
        float[] x = Rows(model, name), expected = TreeFiles.Run(model, x, Count);
        Graph graph = Written(model);
        NdArray[] outputs = new Session(graph).Run(new NdArray(x, Count, model.Features));
        TreeFiles.Equal(expected, outputs[0].Floats, 1e-5);

        OnnxTrees again = OnnxTrees.Of(graph);
        Assert.False(again.HasPrefix || again.HasSuffix);
        Assert.Equal((model.Features, model.Outputs, model.Transform, model.HasCover), (again.Ensemble.Features, again.Ensemble.Outputs, again.Ensemble.Transform, again.Ensemble.HasCover));
        TreeFiles.Equal(expected, TreeFiles.Run(again.Ensemble, x, Count), 1e-5);
        Assert.Equal(model.Flat.Feature, again.Ensemble.Flat.Feature);
        Assert.Equal(model.Flat.Threshold, again.Ensemble.Flat.Threshold);
        Assert.Equal(model.Flat.Sets, again.Ensemble.Flat.Sets);
        Assert.Equal(model.Flat.Cover!.Select(c => (float)c), again.Ensemble.Flat.Cover!.Select(c => (float)c));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_model_written_for_xgboost_predicts_the_same_when_it_is_read(string name)
    {
        TreeEnsemble model = TreeFile.Read(TreeFiles.Model(name)).Ensemble;
        using var stream = new MemoryStream();
        if (model.Transform is OutputTransform.SignedSquare or OutputTransform.Softplus)
        {
            Assert.Contains($"{model.Transform}", Assert.Throws<LimnException>(() => XgboostWriter.Write(model, stream)).Message);
            return;
        }
        XgboostWriter.Write(model, stream);
        Assert.DoesNotContain("\\u", Encoding.UTF8.GetString(stream.ToArray())); // which XGBoost does not decode
        TreeEnsemble again = XgboostReader.Read(stream.ToArray());
        float[] x = Rows(model, name);
        TreeFiles.Equal(TreeFiles.Run(model, x, Count), TreeFiles.Run(again, x, Count), 1e-5);
        Assert.Equal((model.Features, model.Outputs, model.Transform, model.HasCover), (again.Features, again.Outputs, again.Transform, again.HasCover));
        Assert.Equal(model.FeatureNames, again.FeatureNames);
    }

    [OnnxRuntimeFact]
    public void Onnx_runtime_predicts_the_same_with_what_is_written()
    {
        TreeEnsemble[] models = [.. Names.Select(n => TreeFile.Read(TreeFiles.Model(n)).Ensemble)];
        float[][] rows = [.. models.Select((m, i) => Rows(m, Names[i]))];
        IReadOnlyList<RuntimeResult> results = OnnxRuntimeProcess.Run([.. models.Select((m, i) => new RuntimeCase(Bytes(m), [("features", new NdArray(rows[i], Count, m.Features))]))]);
        for (int i = 0; i < models.Length; i++)
        {
            Assert.True(results[i].Outputs is not null, $"{Names[i]}: {results[i].Error}");
            TreeFiles.Equal(TreeFiles.Run(models[i], rows[i], Count), results[i].Outputs!["prediction"].Floats, 1e-5);
        }
    }

    [XgboostFact]
    public void Xgboost_predicts_the_same_with_what_is_written()
    {
        string folder = Directory.CreateTempSubdirectory("limn-xgboost-").FullName;
        try
        {
            Dictionary<string, float[]> expected = [];
            foreach (string name in Names)
            {
                TreeEnsemble model = TreeFile.Read(TreeFiles.Model(name)).Ensemble;
                if (model.Transform is OutputTransform.SignedSquare or OutputTransform.Softplus) continue;
                XgboostWriter.Write(model, Path.Combine(folder, $"{name}.json"));
                float[] x = Rows(model, name);
                File.WriteAllLines(Path.Combine(folder, $"{name}.csv"), x.Chunk(model.Features).Select(r => string.Join(',', r.Select(v => float.IsNaN(v) ? "nan" : v.ToString("R", CultureInfo.InvariantCulture)))));
                expected[name] = TreeFiles.Run(model, x, Count);
            }
            string script = Path.Combine(SharedFiles.Root, "benchmarks", "peers", "xgboost_reads.py");
            using Process python = Process.Start(new ProcessStartInfo(XgboostFactAttribute.Python!, [script, folder]) { RedirectStandardError = true, UseShellExecute = false })!;
            string errors = python.StandardError.ReadToEnd();
            python.WaitForExit();
            Assert.True(python.ExitCode == 0, errors);
            foreach ((string name, float[] predictions) in expected)
            {
                float[] got = TreeFiles.Table(Path.Combine(folder, $"{name}.out.csv")).Values;
                Assert.Equal(predictions.Length, got.Length);
                Assert.All(predictions.Zip(got), p => Assert.True(Math.Abs(p.First - p.Second) <= 2e-5 * Math.Max(1, Math.Abs(p.First)), $"{name}: {p.Second}, and {p.First} is expected"));
                Assert.Equal(TreeFile.Read(Path.Combine(folder, $"{name}.json")).Ensemble.Flat.Threshold, TreeFile.Read(Path.Combine(folder, $"{name}.ubj")).Ensemble.Flat.Threshold);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Vector_leaves_base_scores_scale_and_odd_thresholds_are_written()
    {
        double[] thresholds = [double.NegativeInfinity, -1, 1e-40, double.MaxValue, 0];
        Tree[] trees = [.. thresholds.Select((t, i) => new Tree
        {
            Left = [1, -1, -1],
            Right = [2, -1, -1],
            Feature = [i % 2, 0, 0],
            Threshold = [t, 0, 0],
            Values = i % 2 == 0 ? [0, 0, 0, 1, 2, 3, -4, -5, -6] : [0, 7.5 + i, -7.5],
            Output = i % 2 == 0 ? 0 : 2,
            Categories = i == 4 ? new Dictionary<int, int[]> { [0] = [0, 2, 33] } : null,
            DefaultLeft = [i % 3 == 0, false, false],
            Missing = [MissingRule.None, MissingRule.Nan, MissingRule.Nan],
        })];
        foreach (SplitRule rule in Enum.GetValues<SplitRule>())
        {
            TreeEnsemble model = new(new EnsembleDescription { Trees = trees, Features = 2, Outputs = 3, BaseScore = [0.5, -1, 20], Rule = rule, Average = true, Transform = OutputTransform.Logistic, TransformScale = 0.3 });
            float[] x = [float.NaN, float.NaN, 0, 0, -0f, 1e-45f, 2, 33, -1, -1, 1, 1, float.MaxValue, float.MinValue, 7, -2];
            float[] expected = TreeFiles.Run(model, x, 8);
            using var stream = new MemoryStream();
            XgboostWriter.Write(model, stream);
            TreeEnsemble xgboost = XgboostReader.Read(stream.ToArray());
            TreeFiles.Equal(expected, TreeFiles.Run(xgboost, x, 8), 1e-6);
            Graph graph = Written(model);
            TreeFiles.Equal(expected, new Session(graph).Run(new NdArray(x, 8, 2))[0].Floats, 1e-6);
            TreeFiles.Equal(expected, TreeFiles.Run(OnnxTrees.Of(graph).Ensemble, x, 8), 1e-6);
            Assert.False(xgboost.HasCover || OnnxTrees.Of(graph).Ensemble.HasCover);
        }
    }

    [Fact]
    public void Zero_that_is_missing_and_goes_elsewhere_is_refused()
    {
        Tree tree = new() { Left = [1, -1, -1], Right = [2, -1, -1], Feature = [0, 0, 0], Threshold = [1, 0, 0], Values = [0, 1, 2], Missing = [MissingRule.NanOrZero, MissingRule.Nan, MissingRule.Nan] };
        TreeEnsemble model = new(new EnsembleDescription { Trees = [tree], Features = 1 });
        Assert.Contains("zero", Assert.Throws<LimnException>(() => XgboostWriter.Write(model, Stream.Null)).Message);
        Assert.Contains("zero", Assert.Throws<LimnException>(() => OnnxTreeWriter.ToGraph(model)).Message);
        TreeEnsemble same = new(new EnsembleDescription { Trees = [tree with { DefaultLeft = [true, false, false] }], Features = 1 });
        Assert.Equal([1f, 1f, 2f], new Session(Written(same)).Run(new NdArray([0f, float.NaN, 3], 3, 1))[0].Floats.ToArray());
    }

    [Fact]
    public void A_model_without_trees_is_written()
    {
        TreeEnsemble model = new(new EnsembleDescription { Trees = [], Features = 2, BaseScore = [3] });
        using var stream = new MemoryStream();
        XgboostWriter.Write(model, stream);
        Assert.Equal([3f], TreeFiles.Run(XgboostReader.Read(stream.ToArray()), [1, 2], 1));
    }

    [Fact]
    public void A_file_that_cannot_be_written_leaves_nothing_behind()
    {
        string folder = Directory.CreateTempSubdirectory("limn-trees-").FullName;
        try
        {
            TreeEnsemble zero = LightGbmReader.Read(TreeFiles.Model("lightgbm_zero.txt"));
            string path = Path.Combine(folder, "model.json");
            Assert.Throws<LimnException>(() => XgboostWriter.Write(zero, path));
            Assert.Empty(Directory.GetFiles(folder));
            XgboostWriter.Write(LightGbmReader.Read(TreeFiles.Model("lightgbm_binary.txt")), path);
            Assert.Equal(TreeFormat.XgboostJson, TreeFile.Read(path).Format);
            Assert.Throws<LimnException>(() => XgboostWriter.Write(zero, Path.Combine(folder, "none", "model.json")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private const int Count = 200;

    // Around what the rows of the fixtures hold, with whole numbers where the features are categories.
    private static float[] Rows(TreeEnsemble model, string name)
    {
        var random = new Random(5);
        var x = new float[Count * model.Features];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = i % model.Features is 1 or 2 && name.Contains("categories", StringComparison.Ordinal) ? random.Next(-2, 75) : (float)(2 * random.NextDouble() - 1) * random.Next(4);
            if (random.Next(12) == 0) x[i] = float.NaN;
        }
        return x;
    }

    private static Graph Written(TreeEnsemble model) => OnnxReader.Read(Bytes(model)).Graph;

    private static byte[] Bytes(TreeEnsemble model)
    {
        using var stream = new MemoryStream();
        OnnxTreeWriter.Write(model, stream);
        return stream.ToArray();
    }
}

/// <summary>A fact about what XGBoost makes of a file; skipped unless LIMN_XGBOOST names a Python that has it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class XgboostFactAttribute : FactAttribute
{
    public XgboostFactAttribute() => Skip = Python is null ? "set LIMN_XGBOOST to a Python program that has xgboost" : null;

    public static string? Python { get; } = Environment.GetEnvironmentVariable("LIMN_XGBOOST");
}
