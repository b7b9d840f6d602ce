using System.Globalization;
using System.Numerics.Tensors;
using System.Text;
using Limn.Data;
using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;

namespace Limn.Samples;

/// <summary>A table of labelled rows, split once and for all by a seed.</summary>
internal sealed record SampleData(IReadOnlyList<string> Columns, float[][] Train, int[] TrainLabels, float[][] Test, int[] TestLabels)
{
    private const ulong SplitSeed = 20;

    /// <summary>Reads data.csv, whose first column is the label, and keeps a share of the rows back.</summary>
    public static SampleData Read(string folder, double testShare)
    {
        CsvTable table = CsvTable.Read(Path.Combine(folder, "data.csv"));
        int columns = table.Columns;
        var flat = new float[table.Values.FlattenedLength];
        table.Values.FlattenTo(flat);
        float[][] rows = [.. Enumerable.Range(0, table.Rows).Select(r => flat[(r * columns + 1)..((r + 1) * columns)])];
        int[] labels = [.. Enumerable.Range(0, table.Rows).Select(r => (int)flat[r * columns])];
        int[] order = new CounterRandom(SplitSeed).Permutation(rows.Length);
        int[] test = [.. order.Take((int)(rows.Length * testShare)).Order()], train = [.. order.Skip(test.Length)];
        return new SampleData([.. table.ColumnNames!.Skip(1)], [.. train.Select(r => rows[r])], [.. train.Select(r => labels[r])], [.. test.Select(r => rows[r])], [.. test.Select(r => labels[r])]);
    }

    public static NdArray Batch(float[][] rows, float scale, params int[] shape) =>
        new([.. rows.SelectMany(r => r).Select(v => v * scale)], [rows.Length, .. shape]);

    /// <summary>The share of rows whose largest output is their label.</summary>
    public static double Accuracy(Graph model, NdArray inputs, int[] labels)
    {
        NdArray scores = new Session(model).Run(inputs)[0];
        int classes = scores.Dims[1];
        return labels.Where((label, r) => TensorPrimitives.IndexOfMax(scores.Floats.Slice(r * classes, classes)) == label).Count() / (double)labels.Length;
    }

    public void WriteTest(string folder)
    {
        var text = new StringBuilder("label,").AppendJoin(',', Columns).Append('\n');
        for (int r = 0; r < Test.Length; r++)
            text.Append(TestLabels[r]).Append(',').AppendJoin(',', Test[r].Select(v => v.ToString(CultureInfo.InvariantCulture))).Append('\n');
        AtomicFile.Write(Path.Combine(folder, "test.csv"), s => s.Write(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
