using Limn.Engine;
using Limn.Engine.Graphs;

namespace Limn.Cli.Inputs;

/// <summary>An input as a model declares it.</summary>
internal sealed record ModelInput(string Name, ElementType Type, Shape? Shape)
{
    /// <summary>The shape of one row; null where a dimension of it is symbolic.</summary>
    public int[]? Row => Shape is { Rank: > 0 } shape && shape.Skip(1).All(d => d.IsKnown) ? [.. shape.Skip(1).Select(d => d.Value)] : null;

    /// <summary>The names of the columns that the model knows its features by; null where it knows none.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    public static IReadOnlyList<ModelInput> Of(Graph graph) => [.. graph.Inputs.Select(i => new ModelInput(i.Name, i.Type, i.Shape))];
}

/// <summary>An input of the model, filled: the array and where it came from.</summary>
/// <param name="Name">The input's name.</param>
/// <param name="Array">The rows.</param>
/// <param name="Files">The files they were read from.</param>
internal sealed record FilledInput(string Name, NdArray Array, IReadOnlyList<string> Files)
{
    /// <summary>The names of a table's columns, where the file has them.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>What each feature of a row is in the user's terms, where a schema says.</summary>
    public IReadOnlyList<IReadOnlyList<string>>? Words { get; init; }

    /// <summary>How pictures became numbers; null for arrays and tables.</summary>
    public Data.ImagePreprocessing? Pictures { get; init; }

    public int Rows => Array.Rank == 0 ? 1 : Array.Dims[0];

    /// <summary>What a row is called: its file where each row is a picture of its own.</summary>
    public string? RowName(int row) => Pictures is not null && Files.Count == Rows ? Path.GetFileName(Files[row]) : null;
}
