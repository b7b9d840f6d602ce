using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Compilation;

/// <summary>Some of the points b + α(x − b) on the straight lines from baselines to inputs; the counterpart of <see cref="Gradients.PathPoints"/>.</summary>
internal sealed class PathGraph
{
    private readonly Points points;
    private readonly IReadOnlyList<IReadOnlyList<Value>> starts;
    private readonly IReadOnlyList<Value> end;
    private readonly double[] nodes;

    /// <param name="points">Which points: those of the first baseline in the order of the nodes, then those of the next.</param>
    /// <param name="explained">The places that are explained: those of the path, or a layer behind them.</param>
    /// <param name="starts">For each baseline b, the places' values.</param>
    /// <param name="end">x, the places' values at the input.</param>
    /// <param name="nodes">The α of each node, from 0 (baseline) to 1 (input).</param>
    public PathGraph(Points points, IReadOnlyList<Value> explained, IReadOnlyList<IReadOnlyList<Value>> starts, IReadOnlyList<Value> end, double[] nodes)
    {
        this.points = points;
        Explained = explained;
        this.starts = starts;
        this.end = end;
        this.nodes = nodes;
    }

    public IReadOnlyList<Value> Explained { get; }

    /// <summary>The question, asked at the points.</summary>
    public ExplanationGraph Question => field ??= points.Question.WithPlaces([.. end.Select((_, p) => Between(p))]);

    private GraphBuilder Graph => points.Question.Graph;

    /// <summary>The same lines at other points.</summary>
    public PathGraph At(double[] other) => new(points, Explained, starts, end, other);

    /// <summary>x − b for each point: the derivative of the place along its line.</summary>
    public Value[] Directions() => [.. end.Select((_, p) => points.Rows(Direction(p)))];

    private Value Between(int place)
    {
        Value direction = Direction(place);
        Value alphas = points.Numbers(Enumerable.Range(points.From, points.Count).Select(i => nodes[i % nodes.Length]), direction.Rank);
        return points.Rows(Graph.Add(Start(place), Graph.Mul(alphas, direction)));
    }

    private Value Direction(int place) => Graph.Sub(Graph.Unsqueeze(end[place], 1), Start(place));

    /// <summary>b of each point, stacked.</summary>
    private Value Start(int place)
    {
        int[] baselines = [.. Enumerable.Range(points.From, points.Count).Select(i => i / nodes.Length)];
        return baselines[0] == baselines[^1] ? Graph.Unsqueeze(starts[baselines[0]][place], 1) : Graph.Stack(baselines.Select(b => starts[b][place]));
    }
}
