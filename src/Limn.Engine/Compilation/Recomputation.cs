using Limn.Engine.Operators;

namespace Limn.Engine.Compilation;

/// <summary>
/// What elements are a function of, one by one, is computed again where it is needed much later (on the way back through an activation) and the argument is read there
/// anyway: that takes less time than to store and load it. Only for functions of one tensor and of numbers, of a few steps.
/// </summary>
internal sealed class Recomputation
{
    private const int MostSteps = 6;

    private readonly StepList list;
    private readonly int[] producers;
    private readonly int[] stretch; // by step: how many steps that are not element by element come before it
    private readonly HashSet<int> fetched;

    private Recomputation(StepList list)
    {
        this.list = list;
        producers = list.Producers();
        fetched = [.. list.Fetched];
        stretch = new int[list.Steps.Count];
        for (int s = 1; s < stretch.Length; s++) stretch[s] = stretch[s - 1] + (IsPassing(list.Steps[s - 1]) ? 0 : 1);
    }

    public static void Apply(StepList list)
    {
        var pass = new Recomputation(list);
        var steps = new List<PlanStep>(list.Steps.Count);
        for (int s = 0; s < list.Steps.Count;)
        {
            int end = s + 1;
            while (end < list.Steps.Count && pass.stretch[end] == pass.stretch[s]) end++;
            pass.Rewrite(s, end, steps);
            s = end;
        }
        list.Replace(steps);
        list.RemoveDead();
    }

    /// <summary>Steps that follow each other without work of another kind between them.</summary>
    private void Rewrite(int from, int to, List<PlanStep> steps)
    {
        var closures = new Dictionary<int, List<int>>(); // far slot → its steps, in order
        var leaves = new Dictionary<int, int>();
        HashSet<int> read = [];
        for (int s = from; s < to; s++)
        {
            if (!Suits(list.Steps[s])) continue;
            foreach (int slot in list.Steps[s].Inputs)
            {
                if (slot < 0) continue;
                read.Add(slot);
                if (!closures.ContainsKey(slot) && IsFar(slot, from) && Closure(slot, from) is var (members, leaf)) (closures[slot], leaves[slot]) = (members, leaf);
            }
        }
        var copies = new Dictionary<int, int>();
        for (int s = from; s < to; s++)
        {
            PlanStep step = list.Steps[s];
            if (!Suits(step) || !Array.Exists(step.Inputs, i => Pays(i)))
            {
                steps.Add(step);
                continue;
            }
            int[] inputs = [.. step.Inputs.Select(i => Pays(i) ? Copy(i) : i)];
            steps.Add(new PlanStep(step.Name, step.Operator, inputs, step.Outputs, step.Dynamic));
        }

        bool Pays(int slot) => slot >= 0 && closures.ContainsKey(slot) && (read.Contains(leaves[slot]) || leaves.Values.Count(l => l == leaves[slot]) > 1);

        int Copy(int slot)
        {
            foreach (int member in closures[slot])
            {
                PlanStep original = list.Steps[member];
                int output = original.Outputs[0];
                if (copies.ContainsKey(output)) continue;
                copies[output] = list.NewSlot(new SlotInfo(list.Slots[output].Type, list.Slots[output].Dims, SlotKind.Computed));
                steps.Add(new PlanStep(original.Name, original.Operator, [.. original.Inputs.Select(i => copies.GetValueOrDefault(i, i))], [copies[output]], dynamic: false));
            }
            return copies[slot];
        }
    }

    private bool IsFar(int slot, int from) => producers[slot] >= 0 && producers[slot] < from && !fetched.Contains(slot) && Suits(list.Steps[producers[slot]]);

    /// <summary>The steps that make a slot of one tensor, and that tensor; null where there is no such.</summary>
    private (List<int> Members, int Leaf)? Closure(int slot, int before)
    {
        int leaf = -1;
        var members = new SortedSet<int>();
        return Visit(slot) && leaf >= 0 ? ([.. members], leaf) : null;

        bool Visit(int at)
        {
            PlanStep step = list.Steps[producers[at]];
            if (!members.Add(producers[at])) return true;
            if (members.Count > MostSteps || !Same(at, slot)) return false;
            foreach (int input in step.Inputs)
            {
                if (input < 0 || list.Slots[input].Constant is not null) continue;
                if (!Same(input, slot)) return false;
                bool goesOn = IsFar(input, before);
                if (goesOn && !Visit(input)) return false;
                if (goesOn) continue;
                if (leaf >= 0 && leaf != input) return false;
                leaf = input;
            }
            return true;
        }
    }

    private bool Same(int a, int b) => list.Slots[a].Type == list.Slots[b].Type && list.Slots[a].Dims.AsSpan().SequenceEqual(list.Slots[b].Dims);

    private bool Suits(PlanStep step) =>
        step is { Dynamic: false, Operator.IsElementwise: true, Outputs: [>= 0] } && list.Slots[step.Outputs[0]] is { Dims: not null, ViewOf: < 0, Type: var type } && type.IsFloating();

    private bool IsPassing(PlanStep step) => Suits(step) || (step.Outputs is [>= 0] && list.Slots[step.Outputs[0]].ViewOf >= 0);
}
