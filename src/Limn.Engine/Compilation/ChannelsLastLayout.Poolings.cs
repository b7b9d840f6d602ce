using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;
using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Compilation;

internal sealed partial class ChannelsLastLayout
{
    private bool RewritePooling(PlanStep step)
    {
        int x = step.Inputs[0], y = step.Outputs[0];
        if (!IsImage(x) || !IsImage(y) || !Slots[x].Type.IsFloating() || !(pending.Contains(x) || twins.ContainsKey(x))) return false;
        Operator? op = step.Operator switch
        {
            MaxPool max when step.Outputs.Length == 1 || indicesOnlyForGradients.Contains(step.Outputs[1]) => new ChannelsLastMaxPool(Shape(max.Window, x, y)),
            AveragePool average => new ChannelsLastAveragePool(Shape(average.Window, x, y), average.CountIncludePad),
            AveragePoolGradient average => new ChannelsLastAveragePoolGradient("AveragePoolGradient", Shape(average.Window, y, x), average.CountIncludePad),
            GlobalAveragePool => new ChannelsLastGlobalAveragePool(),
            _ => null,
        };
        if (op is null) return false;
        steps.Add(new PlanStep(step.Name, op, [Twin(x)], [NewResult(y)], dynamic: false));
        return true;
    }

    private bool RewritePoolGradient(PlanStep step, PoolGradient gradient)
    {
        int x = gradient.Pool.Inputs[0], y = gradient.Pool.Outputs[0];
        if (!pending.Contains(y) && !twins.ContainsKey(y)) return false;
        int[] inputs = [Twin(x), Twin(y), Twin(gradient.Arriving)];
        var op = new ChannelsLastMaxPoolGradient("MaxPoolGradient", Shape(((MaxPool)gradient.Pool.Operator).Window, x, y));
        steps.Add(new PlanStep(step.Name, op, inputs, [NewResult(gradient.Result)], dynamic: false));
        replaced.Add(gradient.Result);
        return true;
    }

    private PooledShape Shape(SlidingWindow window, int x, int y)
    {
        int[] from = Slots[x].Dims!, to = Slots[y].Dims!;
        var (_, height, width) = window.Axes(from.AsSpan(2), to.AsSpan(2), Array.ConvertAll(window.Kernel, k => (int)k));
        return new PooledShape(from[0], from[1], height, width);
    }

    /// <summary>
    /// The gradients of max-poolings, which a graph spells out as zeros into which what arrives is added at the indices of the maxima, by the step that adds; and
    /// the indices that serve for nothing else. Where a maximum is can be told from the pooling's input and output.
    /// </summary>
    private (Dictionary<int, PoolGradient> Gradients, HashSet<int> Indices) FindPoolGradients()
    {
        var found = new Dictionary<int, PoolGradient>();
        var indices = new HashSet<int>();
        var readers = new Dictionary<int, List<PlanStep>>();
        foreach (PlanStep step in list.Steps)
            foreach (int input in step.Inputs)
                if (input >= 0) (readers.TryGetValue(input, out List<PlanStep>? known) ? known : readers[input] = []).Add(step);
        HashSet<int> fetched = [.. list.Fetched];

        foreach (PlanStep pool in list.Steps)
        {
            if (pool is not { Operator: MaxPool { ColumnMajor: false }, Dynamic: false, Outputs: [>= 0, >= 0] }) continue;
            var here = new List<PoolGradient>();
            if (OnlyGradients(pool.Outputs[1], pool, here))
            {
                indices.Add(pool.Outputs[1]);
                foreach (PoolGradient gradient in here) found.Add(gradient.Sum, gradient);
            }
        }
        return (found, indices);

        bool OnlyGradients(int slot, PlanStep pool, List<PoolGradient> here)
        {
            if (fetched.Contains(slot)) return false;
            foreach (PlanStep reader in readers.GetValueOrDefault(slot, []))
            {
                if (reader.Outputs[0] >= 0 && Slots[reader.Outputs[0]].ViewOf == slot)
                {
                    if (!OnlyGradients(reader.Outputs[0], pool, here)) return false;
                    continue;
                }
                if (reader is not { Operator: ScatterElements { Reduction: ScatterMode.Add }, Dynamic: false } || reader.Inputs[1] != slot || !IsZeros(reader.Inputs[0])
                    || Slots[reader.Inputs[2]].ViewOf is not (>= 0 and var arriving) || !SameDims(arriving, pool.Outputs[0])
                    || fetched.Contains(reader.Outputs[0]) || readers.GetValueOrDefault(reader.Outputs[0], []) is not [{ } view]
                    || Slots[view.Outputs[0]].ViewOf != reader.Outputs[0] || !SameDims(view.Outputs[0], pool.Inputs[0])) return false;
                here.Add(new PoolGradient(pool, arriving, reader.Outputs[0], view.Outputs[0]));
            }
            return true;
        }
    }

    /// <summary>
    /// The slots behind the places of maxima, where the plan uses such or lets others find them, as its caller gets what is pooled. Equal windows of a picture, such as a saturated sky, then have to give equal sums to the bit wherever they lie, or
    /// rounding would choose among equals, where the first is to be chosen.
    /// </summary>
    private HashSet<int> BehindChoices()
    {
        var behind = new HashSet<int>();
        HashSet<int> fetched = [.. list.Fetched];
        for (int s = list.Steps.Count - 1; s >= 0; s--)
        {
            PlanStep step = list.Steps[s];
            bool chooses = (step.Operator is MaxPool && (step.Outputs is [_, >= 0] || fetched.Contains(step.Inputs[0]))) || (step.Operator is ArgMax && Slots[step.Inputs[0]].Dims is { Length: >= 3 });
            if (!chooses && !Array.Exists(step.Outputs, behind.Contains)) continue;
            foreach (int slot in step.Inputs)
                if (slot >= 0) behind.Add(slot);
        }
        return behind;
    }

    private bool SameDims(int a, int b) => Slots[a].Dims.AsSpan().SequenceEqual(Slots[b].Dims);

    private bool IsZeros(int slot) =>
        Slots[slot].Constant is { } constant ? constant.Type.IsFloating() && !constant.Floats.ContainsAnyExcept(0)
        : producers[slot] >= 0 && list.Steps[producers[slot]].Operator is ConstantOfShape { Element: var value } && value.Type.IsFloating() && value.Floats[0] == 0;

    /// <param name="Pool">The pooling.</param>
    /// <param name="Arriving">What arrives at its output.</param>
    /// <param name="Sum">The slot in which it is added up, flat.</param>
    /// <param name="Result">The same under the shape of the pooling's input.</param>
    private sealed record PoolGradient(PlanStep Pool, int Arriving, int Sum, int Result);
}
