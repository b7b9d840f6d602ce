using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Compilation;

/// <summary>The path of Guided Integrated Gradients in a graph: the state of every row, [rows, elements], and how a step changes it.</summary>
/// <remarks>
/// What a loop decides by the data is here a fixed number of rounds: each closes at least the share p of all elements, so that 1/p rounds are
/// enough, and a row that has arrived does not move any more.
/// </remarks>
internal sealed class GuidedPath
{
    /// <summary>How far from its place on the path a row may be, as a share of its way: what single precision can tell.</summary>
    private const float Arrived = 1e-6f;

    private readonly GraphBuilder graph;
    private readonly Value start;
    private readonly Value end;
    private readonly Value way;
    private readonly Value length;
    private readonly double maximumDistance;
    private readonly int last;

    /// <param name="graph">Where nodes are added.</param>
    /// <param name="start">b, [rows, elements].</param>
    /// <param name="end">x.</param>
    /// <param name="elements">How many elements a row has.</param>
    /// <param name="fraction">p, the share of elements that moves at once.</param>
    /// <param name="maximumDistance">d, how far an element may be from the straight path.</param>
    public GuidedPath(GraphBuilder graph, Value start, Value end, int elements, double fraction, double maximumDistance)
    {
        this.graph = graph;
        this.start = Position = start;
        this.end = end;
        this.maximumDistance = maximumDistance;
        way = graph.Sub(end, start);
        length = graph.ReduceSum(graph.Abs(way), [1]);
        last = (int)(fraction * (elements - 1));
        Rounds = (elements + last) / (last + 1);
    }

    /// <summary>How many rounds a step may take.</summary>
    public int Rounds { get; }

    public Value Position { get; private set; }

    public Value? Attribution { get; private set; }

    /// <summary>Moves until the distance to the end is (1 − alpha) of the whole.</summary>
    public void Step(Value gradient, double alpha)
    {
        double low = Math.Max(alpha - maximumDistance, 0), high = Math.Min(alpha + maximumDistance, 1);
        Value none = graph.ScalarLike(way, 0), one = graph.ScalarLike(way, 1), size = graph.Abs(gradient), bound = At(high);
        Value there = graph.Equal(Position, end);
        Value share = graph.Where(there, one, graph.Div(graph.Sub(Position, start), graph.Where(there, one, way)));
        Move(graph.Where(graph.Less(share, graph.ScalarLike(way, (float)low)), At(low), Position), gradient);

        Value running = graph.Equal(length, length);
        for (int round = 0; round < Rounds; round++)
        {
            Value missing = graph.Sub(graph.ReduceSum(graph.Abs(graph.Sub(end, Position)), [1]), graph.Scale(length, (float)(1 - alpha)));
            running = graph.And(running, graph.Greater(missing, graph.Scale(graph.Max(length, one), Arrived)));
            Value closed = graph.Equal(Position, bound);
            // The rank is over all elements, those at their bound counting as last.
            Value sizes = graph.Where(closed, graph.ScalarLike(size, float.PositiveInfinity), size);
            Value threshold = graph.Slice(graph.TopK(sizes, last + 1, 1, largest: false).Values, [last], [last + 1], [1]);
            Value moving = graph.And(running, graph.Not(graph.Or(closed, graph.Greater(size, threshold))));
            Value rest = graph.Sub(bound, Position), room = graph.ReduceSum(graph.WhereOrZero(moving, graph.Abs(rest)), [1]);
            Value partly = graph.Less(missing, room);
            Value to = graph.Where(partly, graph.Add(Position, graph.Mul(graph.Share(missing, room), rest)), bound);
            Move(graph.Where(moving, to, Position), gradient);
            running = graph.And(running, graph.Not(partly));
        }
    }

    private Value At(double share) => share == 1 ? end : graph.Add(start, graph.Scale(way, (float)share));

    private void Move(Value to, Value gradient)
    {
        Value gained = graph.Mul(graph.Sub(to, Position), gradient);
        Attribution = Attribution is null ? gained : graph.Add(Attribution, gained);
        Position = to;
    }
}
