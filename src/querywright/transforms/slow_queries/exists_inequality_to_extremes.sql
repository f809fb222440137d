# title: lines whose supplier alone was late in an order of several
# workload: tpch
SELECT l1.l_suppkey, COUNT(*) AS late FROM lineitem AS l1
WHERE l1.l_receiptdate > l1.l_commitdate
AND EXISTS (SELECT 1 FROM lineitem AS l2 WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey)
AND NOT EXISTS (
  SELECT 1 FROM lineitem AS l3
  WHERE l3.l_orderkey = l1.l_orderkey AND l3.l_suppkey <> l1.l_suppkey AND l3.l_receiptdate > l3.l_commitdate
)
GROUP BY l1.l_suppkey;

# title: large orders whose clerk has no partly filled one of another priority
# workload: tpch
SELECT COUNT(*) AS orders FROM orders AS o
WHERE o.o_totalprice > 400000 AND NOT EXISTS (
  SELECT 1 FROM orders AS p
  WHERE p.o_clerk = o.o_clerk AND p.o_orderpriority <> o.o_orderpriority AND p.o_orderstatus = 'P'
);
