# title: parts of some brands with an earlier one of the same brand
# workload: tpch
SELECT p.p_partkey, q.p_partkey AS other
FROM part AS p JOIN part AS q ON q.p_brand = p.p_brand AND q.p_size = p.p_size AND q.p_partkey < p.p_partkey
WHERE p.p_brand IN ('Brand#11', 'Brand#23');
