using System.Globalization;
using System.Text;
using Limn.Data;
using Limn.Engine;
using Limn.Games;
using Limn.Trees;
using Limn.Trees.Shap;

namespace Limn.Tests.Trees.Shap;

public sealed class TreeShapStreamTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("limn-stream-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string Csv(float[] rows, int features)
    {
        var text = new StringBuilder();
        for (int i = 0; i < rows.Length; i++) text.Append(rows[i].ToString("R", CultureInfo.InvariantCulture)).Append(i % features == features - 1 ? '\n' : ',');
        string path = Path.Combine(folder, "rows.csv");
        File.WriteAllText(path, text.ToString());
        return path;
    }

    private static TreeShapStream Stream(TreeEnsemble model, TreeShap shap, int? output = null) =>
        new(model, shap, Players.Elements([NdArray.Create(ElementType.Float, 1, model.Features)])) { BlockRows = 128, Output = output, AllOutputs = output is null };

    private StreamedValues Run(TreeShapStream stream, string csv, string into, Action<StreamProgress>? each = null, CancellationToken cancellation = default)
    {
        string to = Directory.CreateDirectory(Path.Combine(folder, into)).FullName;
        using TableStream rows = TableStream.Open(csv);
        return stream.Run(rows, to, each is null ? null : new Now(each), cancellation);
    }

    private float[] Values(string into) => NpyFile.Read(Path.Combine(folder, into, "attribution.npy")).Elements<float>().ToArray();

    private sealed class Now(Action<StreamProgress> each) : IProgress<StreamProgress>
    {
        public void Report(StreamProgress value) => each(value);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(129)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(1000)]
    public void A_stream_gives_the_bits_of_all_rows_at_once(int count)
    {
        TreeEnsemble model = RandomTrees.Ensemble(1);
        float[] rows = RandomTrees.Rows(2, count);
        var shap = new TreeShap(model);
        TreeShapValues once = shap.Explain(rows);
        StreamedValues streamed = Run(Stream(model, new TreeShap(model)), Csv(rows, 5), "all");
        Assert.Equal(Array.ConvertAll(once.Values, v => (float)v), Values("all"));
        Assert.Equal(Array.ConvertAll(once.Predictions, v => (float)v), NpyFile.Read(Path.Combine(folder, "all", "prediction.npy")).Elements<float>().ToArray());
        Assert.Equal(count, streamed.Rows);
        Assert.Equal(Math.Min(count, 1000), streamed.Sample.Count);
    }

    [Fact]
    public void A_run_that_was_interrupted_goes_on_to_the_same_end()
    {
        TreeEnsemble model = RandomTrees.Ensemble(4);
        string csv = Csv(RandomTrees.Rows(5, 1000), 5);
        StreamedValues whole = Run(Stream(model, new TreeShap(model)), csv, "whole");
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Run(Stream(model, new TreeShap(model)), csv, "parts", p =>
        {
            if (p.Rows >= 384) stop.Cancel();
        }, stop.Token));
        string file = Path.Combine(folder, "parts", "attribution.npy");
        long length = new FileInfo(file).Length;
        Assert.InRange(length, 128 + 384 * 40, 128 + 640 * 40);
        using (FileStream cut = File.OpenWrite(file)) cut.SetLength(length - 17); // as a power cut might leave it
        StreamedValues rest = Run(Stream(model, new TreeShap(model)), csv, "parts");
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "whole", "attribution.npy")), File.ReadAllBytes(file));
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "whole", "prediction.npy")), File.ReadAllBytes(Path.Combine(folder, "parts", "prediction.npy")));
        Assert.Equal(whole.Mean, rest.Mean);
        Assert.Equal(whole.StandardError, rest.StandardError);
        Assert.Equal(whole.Sample.Select(s => s.Row), rest.Sample.Select(s => s.Row));
    }

    [Fact]
    public void Running_statistics_are_those_of_all_rows()
    {
        TreeEnsemble model = RandomTrees.Ensemble(6);
        float[] rows = RandomTrees.Rows(7, 700);
        StreamedValues streamed = Run(Stream(model, new TreeShap(model), output: 1), Csv(rows, 5), "one");
        TreeShapValues once = new TreeShap(model).Explain(rows);
        for (int f = 0; f < 5; f++)
        {
            double[] phi = [.. Enumerable.Range(0, 700).Select(r => (double)(float)once[r, f, 1])], sizes = [.. phi.Select(Math.Abs)];
            double mean = sizes.Average(), error = Math.Sqrt(sizes.Sum(s => (s - mean) * (s - mean)) / 699 / 700);
            Assert.Equal(phi.Average(), streamed.Mean[f], 1e-9);
            Assert.Equal(mean, streamed.MeanAbsolute[f], 1e-9);
            Assert.Equal(error, streamed.StandardError[f], 1e-9);
        }
        Assert.InRange(streamed.LargestDelta, 0, 1e-4);
        Assert.Equal(streamed.Sample.Select(s => s.Row).Order(), streamed.Sample.Select(s => s.Row));
        Assert.All(streamed.Sample, s => Assert.Equal(rows.AsSpan((int)s.Row * 5, 5).ToArray(), s.Features));
    }

    [Fact]
    public void A_sample_of_many_rows_is_spread_over_all()
    {
        TreeEnsemble model = RandomTrees.Ensemble(8, trees: 1, outputs: 1, depth: 1);
        TreeShapStream stream = new(model, new TreeShap(model), Players.Elements([NdArray.Create(ElementType.Float, 1, 5)])) { SampleSize = 200, Seed = 3 };
        StreamedValues streamed = Run(stream, Csv(RandomTrees.Rows(9, 4000), 5), "many");
        Assert.Equal(200, streamed.Sample.Count);
        Assert.InRange(streamed.Sample.Average(s => (double)s.Row), 1700, 2300);
        Assert.Equal(200, streamed.Sample.Select(s => s.Row).Distinct().Count());
    }

    [Fact]
    public void A_table_is_read_by_the_columns_that_are_kept()
    {
        string path = Path.Combine(folder, "named.csv");
        File.WriteAllText(path, "id,b,a\nfirst,1,2\nsecond,3,nan\nthird,x,5\n");
        using TableStream table = TableStream.Open(path);
        Assert.Equal(["id", "b", "a"], table.ColumnNames);
        table.Keep([2, 1]);
        var rows = new float[4];
        Assert.Equal(2, table.Read(rows));
        Assert.Equal([2, 1, float.NaN, 3], rows);
        Assert.Contains("'x' in line 4", Assert.Throws<InvalidDataException>(() => table.Read(rows)).Message, StringComparison.Ordinal);
        Assert.Throws<ShapeMismatchException>(() => table.Keep([3]));
        Assert.Throws<InvalidDataException>(() => TableStream.Open(Path.Combine(folder, "nowhere.csv")));
    }
}
