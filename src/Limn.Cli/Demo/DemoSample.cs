using System.Text;
using Limn.Cli.Inputs;
using Limn.Data;
using Limn.Engine;
using Limn.Engine.Onnx;
using Limn.Models;

namespace Limn.Cli.Demo;

/// <summary>A small model that ships with Limn, rows to explain, and what to show of them.</summary>
/// <param name="Folder">The folder of its files: model.onnx, and test.csv with the answer in the column "label".</param>
/// <param name="Title">The heading.</param>
/// <param name="Introduction">What the model does, in a sentence or two.</param>
/// <param name="Answers">Which answers are shown: of each the first row of the table.</param>
/// <param name="Methods">The methods that are shown, by name and options.</param>
internal sealed record DemoSample(string Folder, string Title, string Introduction, IReadOnlyList<int> Answers, IReadOnlyList<DemoMethod> Methods)
{
    /// <summary>What the table's numbers are multiplied by to be the model's input.</summary>
    public float Scale { get; init; } = 1;

    /// <summary>The names of the classes; their numbers when empty.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>The samples that this build has.</summary>
    public static IReadOnlyList<DemoSample> All { get; } = [.. ((DemoSample[])
    [
        new("digits", "Handwritten digits", "A small convolutional network reads digits of 8 x 8 pixels.", [3, 5, 8],
            [new("saliency"), new("integrated-gradients"), new("smooth-grad", ("of", "integrated-gradients"), ("steps", "20"), ("samples", "25"), ("stdev", "0.1")), new("occlusion", ("window", "1,3,3"), ("stride", "1,1,1"))])
        {
            Scale = 1f / 16,
            Labels = [.. Enumerable.Range(0, 10).Select(k => $"digit {k}")],
        },
        new("wine", "Wines by their chemistry", "A small network tells the wines of three growers apart by thirteen measurements.", [0, 1, 2],
            [new("integrated-gradients") { Baseline = Baseline.Mean }, new("feature-ablation") { Baseline = Baseline.Mean }])
        {
            Labels = ["grower 1", "grower 2", "grower 3"],
        },
    ]).Where(s => Resource($"{s.Folder}/model.onnx") is not null && Resource($"{s.Folder}/test.csv") is not null)];

    public OnnxModel Model() => new(OnnxReader.Read(Required("model.onnx")).Graph);

    /// <summary>All rows in the shape of the model's input, and the answers.</summary>
    public (FilledInput Input, int[] Answers) Data(OnnxModel model)
    {
        using var reader = new StreamReader(new MemoryStream(Required("test.csv")), Encoding.UTF8);
        CsvTable table = CsvTable.Parse(reader.ReadToEnd());
        int label = table.ColumnNames?.ToList().IndexOf("label") ?? -1;
        if (label < 0) throw new InvalidDataException($"The sample '{Folder}' has no column 'label'.");
        NdArray cells = NdArray.From(table.Values);
        int columns = table.Columns - 1;
        NdArray values = NdArray.Create(ElementType.Float, table.Rows, columns);
        var answers = new int[table.Rows];
        for (int r = 0; r < table.Rows; r++)
        {
            answers[r] = (int)cells.Floats[r * table.Columns + label];
            for (int c = 0, k = 0; c < table.Columns; c++)
                if (c != label) values.Floats[r * columns + k++] = cells.Floats[r * table.Columns + c] * Scale;
        }
        ModelInput input = ModelInput.Of(model.Graph)[0];
        return (new FilledInput(input.Name, Arrays.Fit(values, input, "test.csv"), ["test.csv"]) { Columns = [.. table.ColumnNames!.Where((_, c) => c != label)] }, answers);
    }

    private byte[] Required(string file) => Resource($"{Folder}/{file}") ?? throw new LimnException($"This build of limn lacks the sample file {Folder}/{file}.");

    private static byte[]? Resource(string name)
    {
        using Stream? stream = typeof(DemoSample).Assembly.GetManifestResourceStream(name);
        if (stream is null) return null;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}

/// <summary>A method of a demonstration.</summary>
internal sealed record DemoMethod(string Name, params (string Option, string Value)[] Options)
{
    public Baseline? Baseline { get; init; }
}
